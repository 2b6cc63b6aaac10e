/**
 * What `npm test` runs. `node test/run.ts [--coverage] [file or folder…]`: the whole suite, or the files named; with `--coverage` also
 * the gate on line coverage. The last line says `N passed, N failed`, and the exit code agrees with it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { clusterVariable, prepareTemplate, startTestCluster, type StartedCluster } from './cluster.ts'
import { tapReport, type Tally } from './tap-report.ts'

const root = join(import.meta.dirname, '..')
const tap = join(root, 'node_modules/tap/dist/esm/run.mjs')
const c8 = join(root, 'node_modules/c8/bin/c8.js')
const covered = ['domain/**/*.ts', 'routes/**/*.ts', 'plugins/host/**/*.ts']
const lineCoverage = 95

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

/** Tap compiles its own test class for the plugins chosen in .taprc; a run that finds it out of date fails, so it is done before. */
const buildTap = async (): Promise<void> => {
  const stamp = join(root, 'node_modules/.cache/tap-build')
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, '.taprc')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  if (!(await endOf(start([tap, 'build'])))) throw new Error('tap build failed')
  mkdirSync(join(stamp, '..'), { recursive: true })
  writeFileSync(stamp, wanted)
}

const testFiles = (named: readonly string[]): string[] => {
  const within = (path: string): string[] =>
    statSync(join(root, path)).isDirectory() ? globSync(`${path}/**/*.test.ts`, { cwd: root }) : [path]
  return (named.length > 0 ? named : ['test']).flatMap(within).sort()
}

const runTap = async (files: readonly string[], withCoverage: boolean, { cluster, temporary }: StartedCluster): Promise<Tally> => {
  const coverage = withCoverage ? '--coverage-report=none' : '--disable-coverage'
  const env = { [clusterVariable]: JSON.stringify(cluster), TMPDIR: temporary }
  const child = start([tap, 'run', '--jobs=2', '--reporter=tap', coverage, ...files], { env, pipe: true })
  const report = tapReport({ line: say })
  createInterface({ input: child.stdout! }).on('line', report.take)
  return report.end(await endOf(child))
}

const coverageHolds = async (): Promise<boolean> => {
  const include = covered.flatMap((glob) => ['--include', glob])
  const gate = ['--check-coverage', `--lines=${lineCoverage}`, '--functions=0', '--branches=0', '--statements=0']
  const report = ['report', '--all', '--temp-directory=.tap/coverage', '--reporter=text', '--skip-full']
  return endOf(start([c8, ...report, ...include, ...gate]))
}

const main = async (args: readonly string[]): Promise<Tally> => {
  const withCoverage = args.includes('--coverage')
  const files = testFiles(args.filter((arg) => !arg.startsWith('--')))
  await buildTap()
  const started = await startTestCluster()
  try {
    await prepareTemplate(started.cluster)
    if (interrupted) return { passed: 0, failed: 1 }
    const tally = await runTap(files, withCoverage, started)
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
