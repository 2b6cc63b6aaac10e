import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { candidateEnv, setFlags } from '../candidate/environment.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { median } from '../statistics.ts'

const root = join(import.meta.dirname, '../../..')
/** As `npm start` does, without the `.env` of whoever runs this. */
const command = [join(root, 'plugins/cli/launch.cjs'), join(root, 'plugins/server.ts')]
/** The design bounds the service on an existing database; with a server, an issuer and the demo of its own it may take half a second more. */
const most = { seconds: 1.5, embeddedSeconds: 2, mebibytes: 250 }
const startMs = 30_000
const restMs = 3_000

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path: '/health/ready', timeout: 1_000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked
      .once('error', () => resolve(false))
      .once('timeout', () => asked.destroy())
      .end()
  })

const residentMib = (pid: number): number => {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? Number.NaN) / 1024
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}

/** From the start of the process to the first time that it is ready; then, where asked, what it holds after a while without work. */
const bootOnce = async (env: Readonly<Record<string, string>>, rests: boolean): Promise<{ seconds: number; restMib: number | null }> => {
  const port = await freePort()
  const startedMs = performance.now()
  const variables = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', ...env, PORT: String(port) }
  const child = spawn(process.execPath, command, { env: variables, stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`the service ended with code ${child.exitCode}`)
      if (performance.now() - startedMs > startMs) throw new Error('the service is not ready in time')
      await delay(10)
    }
    const seconds = (performance.now() - startedMs) / 1000
    if (!rests) return { seconds, restMib: null }
    await delay(restMs)
    return { seconds, restMib: residentMib(child.pid!) }
  } finally {
    await stop(child)
  }
}

const boots = async (rig: Rig, env: Readonly<Record<string, string>>): Promise<{ seconds: number; restMib: number }> => {
  const times: number[] = []
  for (let at = 0; at < rig.options.rounds; at += 1) times.push((await bootOnce(env, false)).seconds)
  const last = await bootOnce(env, true)
  rig.note(`    ready after ${[...times, last.seconds].map((seconds) => seconds.toFixed(2)).join(', ')} s`)
  return { seconds: median([...times, last.seconds]), restMib: last.restMib! }
}

const row = (name: string, value: number, unit: string, limit: number): Row => ({
  name, value, unit, reference: null, ratio: null, must: `<= ${limit}`, holds: value <= limit,
}) // prettier-ignore

/** The service as it is started in life: beside a database that runs, and with everything embedded. */
export const rest = async (rig: Rig): Promise<Row[]> => {
  const { database } = (await rig.bench()).candidate
  const home = rig.folder('rest')
  setFlags(home, { USE_CHAT_WRITES: true })
  const beside = await boots(rig, candidateEnv({ directory: home, database, issuer: rig.issuer, keys: rig.keys }))
  const embedded = { DATA_DIR: rig.folder('embedded') }
  const first = await bootOnce(embedded, false)
  rig.note(`    with everything embedded, the first start: ${first.seconds.toFixed(2)} s`)
  const again = await boots(rig, embedded)
  return [
    row('boot on an existing database', beside.seconds, 's', most.seconds),
    row('boot with everything embedded, its server included', again.seconds, 's', most.embeddedSeconds),
    row('memory at rest', beside.restMib, 'MiB', most.mebibytes),
    row('memory at rest, development profile', again.restMib, 'MiB', most.mebibytes),
  ]
}
