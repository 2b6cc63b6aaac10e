/**
 * What `npm test` runs. `node test/run.ts [--long | --all] [--coverage] [file or folder…]`: the quick suite, the long one (`*.long.test.ts`),
 * both, or what is named; with `--coverage` also the gate on line coverage. The last line says `N passed, N failed`, and the exit code
 * agrees with it. How each file went is kept for `npm run evidence`.
 *
 * Each file speaks TAP and runs by itself as well. Here a few processes run them one after another (`run-files.ts`): to load the product
 * and to warm it up for each anew took half of the whole suite's time.
 */
import { spawn } from 'node:child_process'
import { globSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { clusterVariable, prepareTemplate, startTestCluster, type StartedCluster } from './cluster.ts'
import { addResults, digestSources, readResults, resultsFile, type FileResult } from './evidence/test-results.ts'
import { startFileProcess, type FileProcess } from './file-process.ts'
import type { FileTally, Tally } from './tap-report.ts'

const root = join(import.meta.dirname, '..')
const c8 = join(root, 'node_modules/c8/bin/c8.js')
const coverageFolder = join(root, '.tap/coverage')
const covered = ['domain/**/*.ts', 'routes/**/*.ts', 'plugins/host/**/*.ts']
const lineCoverage = 95

/** Processes that run files at once: one more than a small machine has cores, since each waits now and then; long files start their own. */
const jobs = { quick: 3, long: 2 }
/** Files that one process runs before another takes its place, so that what it remembers stays bounded. */
const filesPerProcess = 20
/** Files that measure their process, and have one of their own. */
const alone = new Set(['test/contexts/appointments/import.test.ts'])

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const processes = new Set<FileProcess>()
let interrupted = false

const isLong = (file: string): boolean => file.endsWith('.long.test.ts')

/** Files that start other programs, or send everything to every operation, are long; whoever names files gets what is named. */
const testFiles = (args: readonly string[]): string[] => {
  const within = (path: string): string[] =>
    statSync(join(root, path)).isDirectory() ? globSync(`${path}/**/*.test.ts`, { cwd: root }) : [path]
  const named = args.filter((arg) => !arg.startsWith('--'))
  if (named.length > 0) return [...new Set(named.flatMap((path) => within(relative(root, resolve(path)))))].sort()
  const wanted = args.includes('--all') ? () => true : args.includes('--long') ? isLong : (file: string) => !isLong(file)
  return within('test').filter(wanted).sort()
}

/** Runs one file to its end and says how it went. */
const runFile = async (file: string, within: FileProcess): Promise<FileTally & { readonly milliseconds: number }> => {
  const from = performance.now()
  const { lines, ...tally } = await within.run(file)
  for (const line of lines) say(line)
  const milliseconds = Math.round(performance.now() - from)
  say(`${tally.failed > 0 ? 'FAILED' : 'passed'} ${file} (${(milliseconds / 1000).toFixed(1)} s)`)
  return { ...tally, milliseconds }
}

/** Lets go of a process. One that does not end well by itself although its files did has failed: one of them, and nobody knows which. */
const letGo = async (ran: FileProcess, total: Tally, results: Record<string, FileResult>, failed = 0): Promise<void> => {
  const well = await ran.end()
  processes.delete(ran)
  if (interrupted) ran.signal('SIGKILL')
  if (well || failed > 0 || interrupted) return
  total.failed += 1
  for (const file of ran.files) results[file] = { ...results[file]!, failed: 1 }
  say(`FAILED: a process did not end by itself, or not well, after ${ran.files.join(', ')}`)
}

const isAlone = (file: string): boolean => isLong(file) || alone.has(file)

/** Those that take longest first, as far as is known, so that none is left alone at the end. */
const inOrder = (files: readonly string[]): string[] => {
  const known = readResults(join(root, resultsFile))
  const weight = (file: string): number => known[file]?.milliseconds ?? statSync(join(root, file)).size / 4
  return files.toSorted((a, b) => weight(b) - weight(a))
}

const runFiles = async (files: readonly string[], { cluster, temporary }: StartedCluster, more: NodeJS.ProcessEnv): Promise<Tally> => {
  const env = { ...more, [clusterVariable]: JSON.stringify(cluster), TMPDIR: temporary }
  const total: Tally = { passed: 0, failed: 0 }
  const waiting = inOrder(files)
  const sources = digestSources(root)
  const results: Record<string, FileResult> = {}
  const start = (): FileProcess => {
    const started = startFileProcess(env)
    processes.add(started)
    return started
  }
  const work = async (): Promise<void> => {
    let shared: FileProcess | null = null
    for (let file = waiting.shift(); file && !interrupted; file = waiting.shift()) {
      const within: FileProcess = isAlone(file) ? start() : (shared ??= start())
      const result = await runFile(file, within)
      total.passed += result.passed
      total.failed += result.failed
      results[file] = { ...result, at: new Date().toISOString(), sources }
      if (within === shared && result.failed === 0 && within.files.length < filesPerProcess) continue
      if (within === shared) shared = null
      await letGo(within, total, results, result.failed)
    }
    if (shared) await letGo(shared, total, results)
  }
  await Promise.all(Array.from({ length: files.some(isLong) ? jobs.long : jobs.quick }, work))
  addResults(join(root, resultsFile), results)
  return total
}

const coverageHolds = async (): Promise<boolean> => {
  const include = covered.flatMap((glob) => ['--include', glob])
  const gate = ['--check-coverage', `--lines=${lineCoverage}`, '--functions=0', '--branches=0', '--statements=0']
  const report = ['report', '--all', '--merge-async', `--temp-directory=${coverageFolder}`, '--reporter=text', '--skip-full']
  const child = spawn(process.execPath, [c8, ...report, ...include, ...gate], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((done) => void child.on('error', () => done(false)).once('close', (code) => done(code === 0)))
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
    for (const running of processes) running.signal(interrupted ? 'SIGKILL' : name)
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
