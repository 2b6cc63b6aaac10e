import { execFile, spawn } from 'node:child_process'
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { readPostmaster } from '../../plugins/host/database/postmaster.ts'
import { stopServer } from '../../plugins/host/database/server-process.ts'

interface Teardown {
  teardown(work: () => unknown): unknown
}

export const projectRoot = join(import.meta.dirname, '../..')

/** A script of package.json, word for word. */
export const scriptOf = (name: string): string => {
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  if (!scripts[name]) throw new Error(`package.json has no script "${name}"`)
  return scripts[name]
}

/** The environment of somebody who has just opened a terminal: nothing of the test run's own. */
export const freshEnvironment = (root: string, env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  PATH: [join(root, 'node_modules/.bin'), dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
  HOME: tmpdir(),
  TMPDIR: tmpdir(),
  ...env,
})

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a script of package.json to its end, the way npm does. */
export const runScript = (
  name: string,
  args: readonly string[] = [],
  { root = projectRoot, env = {} }: { root?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Said> =>
  new Promise((done) => {
    const options = { cwd: root, env: freshEnvironment(root, env), timeout: 60_000 }
    execFile('sh', ['-c', `${scriptOf(name)} "$@"`, 'sh', ...args], options, (error, out, err) => {
      done({ code: error ? Number(error.code) : 0, out, err })
    })
  })

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ServiceProcess {
  /** The address that it printed; rejects where it ended without one. */
  readonly listening: Promise<string>
  readonly ended: Promise<Ending>
  /** All that it has said so far. */
  output(): string
  /** To the service and to whatever started it, as a terminal does. */
  signal(name: NodeJS.Signals): void
}

export interface ServiceOptions {
  readonly dataDir: string
  readonly env?: Readonly<Record<string, string>>
  /** The project; the one under test unless told. */
  readonly root?: string
  /** Instead of the script `start`. */
  readonly command?: string
}

/** Ends whatever PostgreSQL still runs on the folder. */
export const stopDatabasesIn = async (folder: string): Promise<void> => {
  for (const lock of globSync('**/postmaster.pid', { cwd: folder })) {
    const data = dirname(join(folder, lock))
    await stopServer(data, readPostmaster(data)?.pid ?? 0)
  }
}

/** A folder for a service's data; whatever runs on it ends with the test. */
export const dataFolder = (t: Teardown): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-start-'))
  chmodSync(folder, 0o711)
  t.teardown(async () => {
    await stopDatabasesIn(folder)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

const addressLine = /^Postern serves at (http:\S+)$/m

/** Runs what `npm start` runs, the way npm does: through a shell, with the project's own programs first. On any free port unless told. */
export const startService = (
  t: Teardown,
  { dataDir, env = {}, root = projectRoot, command = scriptOf('start') }: ServiceOptions,
): ServiceProcess => {
  const child = spawn('sh', ['-c', command], {
    cwd: root,
    env: freshEnvironment(root, { PORT: '0', DATA_DIR: dataDir, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid!, name)
    } catch {
      // It has ended.
    }
  }
  const ended = new Promise<Ending>((done) => child.once('close', (code, by) => done({ code, signal: by })))
  const listening = new Promise<string>((done, failed) => {
    const take = (chunk: string): void => {
      said += chunk
      const [, address] = addressLine.exec(said) ?? []
      if (address) done(address)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take)
    void ended.then(({ code }) => failed(new Error(`ended with ${code} before it listened:\n${said}`)))
  })
  listening.catch(() => {})
  t.teardown(async () => {
    signal('SIGTERM')
    const force = setTimeout(() => signal('SIGKILL'), 20_000)
    await ended
    clearTimeout(force)
  })
  return { listening, ended, signal, output: () => said }
}
