import { spawn } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { superuser, type ClusterFiles } from './cluster-files.ts'
import { answers, isServerOf, readPostmaster } from './postmaster.ts'
import type { Unprivileged } from './unprivileged.ts'

const largestLog = 1_048_576

export const urlAt = (port: number, password: string): string => `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`

/** Nothing that a client sent may reach the server's log, so errors of statements stay out of it altogether. */
const quietLog = {
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
  log_parameter_max_length: '0',
  log_statement: 'none',
  log_checkpoints: 'off',
  logging_collector: 'off',
}

const undurable = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_wal_size: '4GB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  io_method: 'sync',
}

/** Every setting of the server: they stand on its command line, so that nothing depends on a file that someone edited. */
const serverSettings = (port: number, durable: boolean): string[] => {
  const all: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...quietLog,
    ...(durable ? {} : undurable),
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

const openLog = (path: string): number => {
  const log = openSync(path, 'a', 0o600)
  if (fstatSync(log).size > largestLog) ftruncateSync(log)
  return log
}

const lastLines = (path: string): string => readFileSync(path, 'utf8').trimEnd().split('\n').slice(-5).join('\n')

export interface Launch {
  readonly files: ClusterFiles
  readonly program: string
  readonly way: Unprivileged
  readonly port: number
  readonly durable: boolean
  readonly timeoutMs: number
  /** Told when the server's process has begun, well before it answers. */
  readonly onLaunched?: (() => void) | undefined
}

/** Starts the server apart from this process's group, so that Ctrl-C reaches the service alone and it can finish its requests. */
export const launch = async ({ files, program, way, port, durable, timeoutMs, onLaunched }: Launch): Promise<void> => {
  const log = openLog(files.log)
  const { file, args } = way.command(program, ['-D', files.data, ...serverSettings(port, durable)])
  const server = spawn(file, args, { ...way.ids, cwd: '/', stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  server.unref()
  const end: { cause?: Error; code?: number | null } = {}
  server.once('error', (cause) => (end.cause = cause))
  server.once('exit', (code) => (end.code = code))
  onLaunched?.()
  const deadline = performance.now() + timeoutMs
  while (!(await answers(urlAt(port, files.password), files.data))) {
    if (end.cause) throw new Error('The embedded PostgreSQL cannot be run.', { cause: end.cause })
    if (end.code !== undefined) throw new Error(`The embedded PostgreSQL ended (code ${end.code}):\n${lastLines(files.log)}`)
    if (performance.now() > deadline) {
      server.kill('SIGINT')
      throw new Error(`The embedded PostgreSQL did not answer within ${timeoutMs} ms:\n${lastLines(files.log)}`)
    }
    await delay(15)
  }
}

/** The port of a server that runs on these files already, waited for while it starts or stops; null where there is none. */
export const runningOn = async (files: ClusterFiles, timeoutMs: number): Promise<number | null> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = readPostmaster(files.data)
    if (!found || !isServerOf(files.data, found.pid)) return null
    if (await answers(urlAt(found.port, files.password), files.data)) return found.port
    if (performance.now() > deadline) throw new Error(`The server (process ${found.pid}) that holds ${files.data} does not answer.`)
    await delay(50)
  }
}

const hasEnded = async (data: string, pid: number, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs
  while (isServerOf(data, pid)) {
    if (performance.now() > deadline) return false
    await delay(10)
  }
  return true
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself meanwhile.
  }
}

/** SIGINT is PostgreSQL's fast shutdown; SIGQUIT, which recovers at the next start, is for a server that does not obey. */
export const stopServer = async (data: string, pid: number): Promise<void> => {
  if (!isServerOf(data, pid)) return
  signal(pid, 'SIGINT')
  if (await hasEnded(data, pid, 20_000)) return
  signal(pid, 'SIGQUIT')
  await hasEnded(data, pid, 5_000)
}
