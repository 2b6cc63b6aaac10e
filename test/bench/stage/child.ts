import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a server process says of itself. */
export interface Usage {
  /** User and system time so far, in milliseconds. */
  readonly cpuMs: number
  readonly rssBytes: number
  /** Heap and external memory in use after a collection. */
  readonly heapBytes: number
}

/** A server in a process of its own. */
export interface Server {
  readonly port: number
  readonly pid: number
  /** Collects garbage first where `collect`. */
  usage(collect?: boolean): Promise<Usage>
  stop(): Promise<void>
}

export interface Launch {
  readonly script: string
  /** Travels as one JSON argument. */
  readonly settings?: object
  readonly env?: Readonly<Record<string, string>>
}

const startMs = 30_000
const answerMs = 10_000
const stopMs = 20_000

const stopChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
  if (child.connected) child.send('stop', () => undefined)
  else child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}

const answerOf = async <T>(child: ChildProcess, waitMs: number): Promise<T> => {
  const ended = new AbortController()
  const exit = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`${child.spawnargs.at(-1) ?? 'a server'} ended with code ${code}`)
  })
  exit.catch(() => undefined)
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: AbortSignal.timeout(waitMs) }), exit])
    return answer as T
  } finally {
    ended.abort()
  }
}

/** Starts a server that tells its port when it listens. Its log lines go nowhere; what it writes to standard error is shown. */
export const startServer = async ({ script, settings = {}, env = {} }: Launch): Promise<Server> => {
  const child = fork(script, [JSON.stringify(settings)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    execArgv: ['--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const { port } = await answerOf<{ port: number }>(child, startMs)
    return {
      port,
      pid: child.pid!,
      async usage(collect = false) {
        child.send(collect ? 'collected usage' : 'usage')
        return answerOf<Usage>(child, answerMs)
      },
      stop: () => stopChild(child),
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}
