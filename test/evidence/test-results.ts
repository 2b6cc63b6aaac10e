import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What the last run of one test file came to. */
export interface FileResult {
  readonly passed: number
  readonly failed: number
  /** What was left out, where anything was: it proves nothing. */
  readonly skipped?: number
  readonly milliseconds: number
  /** When it ended, RFC 3339. */
  readonly at: string
  /** The digest of the sources that it ran on. */
  readonly sources: string
}

/** By file, from the project's folder. */
export type TestResults = Readonly<Record<string, FileResult>>

export const resultsFile = '.cache/test-results.json'

/** Documents too: tests hold the contract, the tour and the example of the environment against the sources. */
const whole = [
  '{config,domain,plugins,routes,test}/**/*.{ts,mts,mjs,cjs,json,env,yaml,md}',
  '*.{json,md}',
  'Dockerfile',
  '.dockerignore',
  '.env.example',
  '.taprc',
]

/** A digest of everything that a test's result can depend on in the repository: a result of other sources proves nothing of these. */
export const digestSources = (root: string): string => {
  const hash = createHash('sha256')
  for (const path of globSync(whole, { cwd: root }).sort())
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex').slice(0, 16)
}

/** What is known of earlier runs; nothing where there is no file or none that can be read. */
export const readResults = (path: string): TestResults => {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { files: TestResults }).files
  } catch {
    return {}
  }
}

/** Adds the results of a run to those that are known: a run of some files leaves what is known of the others. */
export const addResults = (path: string, results: TestResults): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify({ files: { ...readResults(path), ...results } }, null, 1)}\n`)
  renameSync(`${path}.${process.pid}`, path)
}
