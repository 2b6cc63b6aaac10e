/**
 * Runs test files one after another in this one process, so that the product is loaded, compiled and warm for all of them. The runner
 * sends the name of a file; its TAP goes to the standard output, and after it the mark that came with the name. Each file has a root of
 * its own for what it imports as `tap`; what it leaves open keeps this process alive when the runner lets go of it.
 */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Test } from 'tap'

/** One file to run, and the line that says that it has ended. */
export interface FileToRun {
  readonly file: string
  readonly mark: string
  readonly timeoutMs: number
}

const folder = join(import.meta.dirname, '..')
const handle = 'postern.test.root'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'tap' || !context.parentURL?.endsWith('.test.ts')) return next(specifier, context)
    const source = `export default globalThis[${JSON.stringify(handle)}] // ${encodeURIComponent(context.parentURL)}`
    return { url: `data:text/javascript,${source}`, format: 'module', shortCircuit: true }
  },
})

const surroundings = { env: { ...process.env }, cwd: process.cwd() }
/** What a file has changed around it is no other file's. */
const restore = (): void => {
  for (const name of Object.keys(process.env)) if (!(name in surroundings.env)) delete process.env[name]
  Object.assign(process.env, surroundings.env)
  process.chdir(surroundings.cwd)
}

const run = async ({ file, mark, timeoutMs }: FileToRun): Promise<void> => {
  const test = new Test({ name: file, timeout: timeoutMs, cb: () => import(pathToFileURL(join(folder, file)).href) })
  Reflect.set(globalThis, handle, test)
  test.on('data', (text: string) => void process.stdout.write(text))
  test.on('complete', () => test.comment(test.counts.toJSON()))
  await new Promise<void>((done) => test.runMain(done))
  // It would run on, and fail a file that has ended.
  test.setTimeout(0)
  restore()
  const ok = test.results?.ok === true && test.counts.total > 0
  if (ok) ended.push({ file, test })
  process.stdout.write(`\n${mark} ${ok ? 'ok' : 'not ok'}\n`)
}

/** Files that were said to be good. What fails in them afterwards tap only prints: the process must not end well then. */
const ended: { readonly file: string; readonly test: Pick<Test, 'passing'> }[] = []
process.once('exit', () => {
  for (const { file, test } of ended) {
    if (test.passing()) continue
    process.stderr.write(`${file}: something failed after the file had ended\n`)
    process.exitCode = 1
  }
})

/** The runner ends what stays too long; where the runner itself is gone, nobody else would. */
const longestStayMs = 180_000
process.once('disconnect', () => void setTimeout(() => process.exit(1), longestStayMs).unref())
process.on('message', (asked: FileToRun) => void run(asked))
