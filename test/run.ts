/**
 * What `npm test` runs. `node test/run.ts [--long | --all] [--coverage] [file or folder…]`: the quick suite, the long one (`*.long.test.ts`),
 * both, or what is named; with `--coverage` also the gate on line coverage. The last line says `N passed, N failed`, and the exit code
 * agrees with it. How each file went is kept for `npm run evidence`.
 *
 * Each file is a program of its own that speaks TAP, started here and not by `tap run`, whose hooks on every module that a file loads
 * took a fifth of the whole suite's time.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { globSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { clusterVariable, prepareTemplate, startTestCluster, type StartedCluster } from './cluster.ts'
import { addResults, digestSources, resultsFile, type FileResult } from './evidence/test-results.ts'
import { fileReport, type FileTally, type Tally } from './tap-report.ts'

const root = join(import.meta.dirname, '..')
const c8 = join(root, 'node_modules/c8/bin/c8.js')
const coverageFolder = join(root, '.tap/coverage')
const covered = ['domain/**/*.ts', 'routes/**/*.ts', 'plugins/host/**/*.ts']
const lineCoverage = 95

/** Files that run at once. */
const jobs = 2
/** How long one file may take: tap itself says what hung then, and a file that does not even do that is ended. */
const fileTimeoutSeconds = 120
const killAfterMs = (fileTimeoutSeconds + 10) * 1_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const children = new Set<ChildProcess>()
let interrupted = false

/** Signals a child and everything that it started: each is the head of a process group of its own. */
const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, name)
  } catch {
    // All of them are gone.
  }
}

const start = (args: readonly string[], options: { env?: NodeJS.ProcessEnv; pipe?: boolean } = {}): ChildProcess => {
  const stdio = ['ignore', options.pipe ? 'pipe' : 'inherit', 'inherit'] as const
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...options.env }, stdio: [...stdio], detached: true })
  children.add(child)
  return child
}

const endOf = (child: ChildProcess): Promise<boolean> =>
  new Promise((done) => {
    child.once('error', () => done(false))
    child.once('close', (code) => {
      children.delete(child)
      if (interrupted) signal(child, 'SIGKILL')
      done(code === 0)
    })
  })

const isLong = (file: string): boolean => file.endsWith('.long.test.ts')

/** Files that start other programs, or send everything to every operation, are long; whoever names files gets what is named. */
const testFiles = (args: readonly string[]): string[] => {
  const within = (path: string): string[] =>
    statSync(join(root, path)).isDirectory() ? globSync(`${path}/**/*.test.ts`, { cwd: root }) : [path]
  const named = args.filter((arg) => !arg.startsWith('--'))
  if (named.length > 0) return named.flatMap(within).sort()
  const wanted = args.includes('--all') ? () => true : args.includes('--long') ? isLong : (file: string) => !isLong(file)
  return within('test').filter(wanted).sort()
}

/** Runs one file to its end and says how it went. */
const runFile = async (file: string, env: NodeJS.ProcessEnv): Promise<FileTally & { readonly milliseconds: number }> => {
  const from = performance.now()
  const child = start([file], { env, pipe: true })
  const killed = setTimeout(() => signal(child, 'SIGKILL'), killAfterMs)
  const report = fileReport()
  createInterface({ input: child.stdout! }).on('line', report.take)
  const { lines, ...tally } = report.end(await endOf(child))
  clearTimeout(killed)
  for (const line of lines) say(line)
  const milliseconds = Math.round(performance.now() - from)
  say(`${tally.failed > 0 ? 'FAILED' : 'passed'} ${file} (${(milliseconds / 1000).toFixed(1)} s)`)
  return { ...tally, milliseconds }
}

const runFiles = async (files: readonly string[], { cluster, temporary }: StartedCluster, more: NodeJS.ProcessEnv): Promise<Tally> => {
  const env = { ...more, [clusterVariable]: JSON.stringify(cluster), TMPDIR: temporary, TAP_TIMEOUT: String(fileTimeoutSeconds) }
  const total: Tally = { passed: 0, failed: 0 }
  const waiting = [...files]
  const sources = digestSources(root)
  const results: Record<string, FileResult> = {}
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file && !interrupted; file = waiting.shift()) {
      const result = await runFile(file, env)
      total.passed += result.passed
      total.failed += result.failed
      results[file] = { ...result, at: new Date().toISOString(), sources }
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  addResults(join(root, resultsFile), results)
  return total
}

const coverageHolds = async (): Promise<boolean> => {
  const include = covered.flatMap((glob) => ['--include', glob])
  const gate = ['--check-coverage', `--lines=${lineCoverage}`, '--functions=0', '--branches=0', '--statements=0']
  const report = ['report', '--all', '--merge-async', `--temp-directory=${coverageFolder}`, '--reporter=text', '--skip-full']
  return endOf(start([c8, ...report, ...include, ...gate]))
}

const main = async (args: readonly string[]): Promise<Tally> => {
  const withCoverage = args.includes('--coverage')
  const files = testFiles(args)
  if (withCoverage) rmSync(coverageFolder, { recursive: true, force: true })
  const started = await startTestCluster()
  try {
    const cluster = await prepareTemplate(started.cluster)
    if (interrupted) return { passed: 0, failed: 1 }
    const tally = await runFiles(files, { ...started, cluster }, withCoverage ? { NODE_V8_COVERAGE: coverageFolder } : {})
    if (withCoverage && !interrupted && !(await coverageHolds())) tally.failed += 1
    return tally
  } finally {
    await started.stop()
  }
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    for (const child of children) signal(child, interrupted ? 'SIGKILL' : name)
    if (interrupted) process.exit(130)
    interrupted = true
  })
}

const { passed, failed } = await main(process.argv.slice(2)).catch((error: Error): Tally => {
  say(error.stack ?? error.message)
  return { passed: 0, failed: 1 }
})
say(`${passed} passed, ${failed} failed`)
process.exitCode = interrupted ? 130 : failed > 0 ? 1 : 0
