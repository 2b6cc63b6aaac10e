import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { FileToRun } from './run-files.ts'
import { fileReport, type FileTally } from './tap-report.ts'

const root = join(import.meta.dirname, '..')
const program = join(import.meta.dirname, 'run-files.ts')

/** How long one file may take: tap itself says what hung then, and a process that does not even do that is ended. */
const fileTimeoutMs = 120_000
const killAfterMs = fileTimeoutMs + 10_000
/** How long a process whose files have ended may take to end as well: what keeps it is something that a file left open. */
const patienceMs = 10_000
/** How long the last lines of a process may still be on their way. */
const lastWordsMs = 100

/** A process that runs test files, one after another. */
export interface FileProcess {
  /** Files that it has run. */
  readonly files: readonly string[]
  /** Runs one file to its end. */
  run(file: string): Promise<FileTally & { readonly lines: readonly string[] }>
  /** Lets go of it. @returns whether it ended by itself, and well */
  end(): Promise<boolean>
  /** Signals it and everything that it started. */
  signal(name: NodeJS.Signals): void
}

/** Signals a child and everything that it started: each is the head of a process group of its own. */
const signalGroup = (child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, name)
  } catch {
    // All of them are gone.
  }
}

const within = async <T>(ms: number, late: () => void, work: Promise<T>): Promise<T> => {
  const timer = setTimeout(late, ms)
  return work.finally(() => clearTimeout(timer))
}

export const startFileProcess = (env: NodeJS.ProcessEnv, endWithinMs = patienceMs): FileProcess => {
  const child = spawn(process.execPath, [program], {
    cwd: root,
    // Tap's own root, which nothing uses there, would run out of time.
    env: { ...process.env, ...env, TAP_TIMEOUT: '0' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  })
  const files: string[] = []
  let alive = true
  let hear: (line: string) => void = () => {}
  let lost: () => void = () => {}
  const kill = (): void => signalGroup(child, 'SIGKILL')
  const gone = new Promise<boolean>((done) => {
    const leave = (well: boolean): void => {
      alive = false
      lost()
      done(well)
    }
    child.on('error', () => leave(false))
    // Not `close`: it does not come once the channel has been let go of, nor while a child of the child holds the output.
    child.once('exit', (code) => {
      alive = false
      setTimeout(leave, lastWordsMs, code === 0)
    })
  })
  createInterface({ input: child.stdout! }).on('line', (line) => hear(line))

  const run = async (file: string): Promise<FileTally & { readonly lines: readonly string[] }> => {
    files.push(file)
    const asked: FileToRun = { file, mark: randomUUID(), timeoutMs: fileTimeoutMs }
    const report = fileReport()
    const heard = new Promise<boolean>((done) => {
      lost = () => done(false)
      hear = (line) => (line.startsWith(asked.mark) ? done(line.endsWith(' ok') && !line.endsWith('not ok')) : report.take(line))
      if (alive) child.send(asked, (error) => error && done(false))
      else done(false)
    })
    return report.end(await within(killAfterMs, kill, heard))
  }

  const end = async (): Promise<boolean> => {
    if (child.connected) child.disconnect()
    return within(endWithinMs, kill, gone)
  }
  return { files, run, end, signal: (name) => signalGroup(child, name) }
}
