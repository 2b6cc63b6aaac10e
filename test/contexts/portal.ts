import { setTimeout as pause } from 'node:timers/promises'
import type { LightMyRequestResponse } from 'fastify'
import pg from 'pg'
import type { Test } from 'tap'
import { demoAgencies } from '../../config/personas.ts'
import { startHost } from '../helper.ts'

export interface Sending {
  /** The idempotency key; a fresh one unless told, none for null. */
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: LightMyRequestResponse['headers']
  readonly text: string
  readonly body: any
}

const answerOf = (response: LightMyRequestResponse): Answer => ({
  status: response.statusCode,
  headers: response.headers,
  text: response.body,
  body: response.body === '' ? null : JSON.parse(response.body),
})

const json = { 'content-type': 'application/json' }

/** The service as portals see it, and its rows as the superuser sees them. Both writes are switched on. */
export const openPortal = async (t: Test, env: Readonly<Record<string, string>> = {}) => {
  const host = await startHost(t, { env })
  const superuser = new pg.Client({ connectionString: host.database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  superuser.on('error', () => {})
  await superuser.connect()
  t.teardown(() => superuser.end())
  const on: Record<string, boolean> = { USE_CONSENT_WRITES: true, USE_CHAT_WRITES: true }
  const context = { userId: 'anyone', agencyId: demoAgencies[0]!.id, roles: [] }
  const fresh = (): boolean => Object.entries(on).every(([name, value]) => host.parts.flags.isOn(name, context, 'write') === value)

  return {
    host,
    lines: host.lines,
    now: () => host.clock.now(),
    /** Moves the clock, and waits until the switches have been seen since: a switch that seems stale is off. */
    async pass(ms: number): Promise<void> {
      host.clock.advance(ms)
      for (let tries = 0; !fresh(); tries++) {
        if (tries > 500) throw new Error('the flags file was not looked at')
        await pause(10)
      }
    },
    async flip(name: string, value: boolean): Promise<void> {
      on[name] = value
      await host.flip(name, value)
    },
    async get(persona: string | null, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
      return answerOf(await host.call('GET', `/api${path}`, { as: persona ?? undefined, headers }))
    },
    /** A string is sent as it is, everything else as JSON. */
    async post(persona: string | null, path: string, body: unknown, { key, headers = {} }: Sending = {}): Promise<Answer> {
      const sent = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
      const typed = { ...(body === undefined ? {} : json), ...headers }
      return answerOf(await host.call('POST', `/api${path}`, { as: persona ?? undefined, body: sent, key, headers: typed }))
    },
    async rows(sql: string, ...parameters: unknown[]): Promise<any[]> {
      return (await superuser.query(sql, parameters)).rows
    },
  }
}

export type Portal = Awaited<ReturnType<typeof openPortal>>

/** A problem document without what differs from request to request. */
export const problemOf = ({ status, body }: Answer) => {
  const { instance: _, ...rest } = body
  return { status, ...rest }
}
