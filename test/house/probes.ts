import { setTimeout as pause } from 'node:timers/promises'
import type { LightMyRequestResponse } from 'fastify'
import { personaNamed } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import type { GateName } from '../../plugins/host/gates/gate.ts'
import type { TestHost } from '../helper.ts'
import { plantProvider } from '../fixtures/providers.ts'
import type { Rows } from './rows.ts'

/** The limits that the probes count on. */
export const probeLimits = {
  IP_LIMIT: 'all=30/60s,anonymous=30/60s',
  USER_LIMIT: '100/60s',
  MESSAGING_LIMITS: 'user=6/60s,burst=6/10s,conversation=3/60s',
}

const ana = '01920000-0000-7000-8000-c00000000001'
const ben = '01920000-0000-7000-8000-c00000000002'
const conversations = '/api/messaging/conversations'

/** What the probes share: a service, its database, and a patient with a conversation. */
export interface Stage {
  readonly host: TestHost
  readonly rows: Rows
  /** A patient as a user of her own, so that one probe's attempts do not count for another. */
  user(claims?: Readonly<Record<string, unknown>>): string
  send(token: string | null, url: string, options?: SendOptions): Promise<LightMyRequestResponse>
  readonly messages: string
  /** A patient who has consented to nothing, and her conversation. */
  readonly unconsented: { readonly token: string; readonly messages: string }
}

interface SendOptions {
  /** What is posted; without it the request is a GET. */
  readonly body?: unknown
  readonly key?: string | null
  readonly address?: string
}

/** One promise of one gate: resolves to true where it holds. */
export type Probe = (stage: Stage) => Promise<boolean>

const is = (response: LightMyRequestResponse, status: number, code?: string, reason?: string): boolean => {
  if (response.statusCode !== status) return false
  if (code === undefined) return true
  const problem = response.json<{ code: string; reason?: string }>()
  return problem.code === code && problem.reason === reason
}

const countOf = async ({ rows }: Stage, sql: string, ...parameters: unknown[]): Promise<number> =>
  (await rows.query<{ n: number }>(`select count(*)::int as n from ${sql}`, parameters))[0]!.n

let addresses = 0

export const stageOf = async (host: TestHost, rows: Rows): Promise<Stage> => {
  const user: Stage['user'] = (claims) => host.token('patient-ana', { claims: { sub: newId(), ...claims } })
  const send: Stage['send'] = (token, url, { body, key, address = `10.9.${(addresses += 1) >> 8}.${addresses & 255}` } = {}) =>
    host.app.inject({
      method: body === undefined ? 'GET' : 'POST',
      url,
      remoteAddress: address,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined || key === null ? {} : { 'idempotency-key': key ?? newId() }),
      },
      ...(body === undefined ? {} : { payload: body as object }),
    })
  const open = async (token: string, patientId: string): Promise<string> => {
    await send(token, '/api/consents', { body: { patientId, scope: 'messaging' } })
    const response = await send(token, conversations, { body: { patientId, subject: 'Probe' } })
    return `${conversations}/${response.json<{ id: string }>().id}/messages`
  }
  const messages = await open(user(), ana)
  // A patient of this stage alone: the record is new, and its consent is withdrawn again.
  const patient = newId()
  const token = user({ patient_id: patient })
  const unconsented = { token, messages: await open(token, patient) }
  const [consent] = await rows.query<{ id: string }>('select id from consent_record where patient_id = $1', [patient])
  if (consent) await send(token, `/api/consents/${consent.id}/revocation`, { body: {} })
  return { host, rows, user, send, messages, unconsented }
}

/** Sends `before` attempts that do not matter, then says whether the next is refused for its rate. */
const isLimited = async (before: number, attempt: () => Promise<LightMyRequestResponse>): Promise<boolean> => {
  for (let sent = 0; sent < before; sent += 1) if (is(await attempt(), 429)) return false
  return is(await attempt(), 429, 'RATE_LIMITED')
}

/** A write is held up in the database while its switch goes off: it must not be committed. */
const switchedOffMeanwhile: Probe = async (stage) => {
  const { host, rows, send, messages, user } = stage
  const before = await countOf(stage, 'messaging_message')
  await rows.query('begin')
  await rows.query('lock table messaging_message in exclusive mode')
  const held = send(user(), messages, { body: { body: 'Held up' } })
  const blocked = "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  while ((await rows.query<{ n: number }>(blocked))[0]!.n === 0) {
    await pause(5)
    // Within a transaction the list of sessions stands still unless it is asked for anew.
    await rows.query('select pg_stat_clear_snapshot()')
  }
  const moves = async () => (await rows.query<{ moves: string }>('select last_value as moves from host_switch_moves'))[0]!.moves
  const known = await moves()
  await host.flip('USE_CHAT_WRITES', false)
  while ((await moves()) === known) await pause(5)
  await rows.query('rollback')
  const response = await held
  await host.flip('USE_CHAT_WRITES', true)
  return is(response, 503, 'UPSTREAM_UNAVAILABLE', 'disabled') && (await countOf(stage, 'messaging_message')) === before
}

/** Per gate a promise that it alone keeps, by hand. */
export const probes: Readonly<Record<GateName, Probe>> = {
  'ip-rate': ({ send, user }) => {
    const [address, token] = ['10.8.0.1', user()]
    return isLimited(30, () => send(token, '/api/consents?limit=0', { address }))
  },
  authenticate: async ({ host, send }) =>
    is(await send(host.token('patient-ana', { lifetimeSeconds: -60 }), conversations), 401, 'UNAUTHORIZED'),
  'provider-status': async ({ host, rows, send }) => {
    const { agencyId, providerId: id } = personaNamed('provider-self')!
    await plantProvider((sql, values) => rows.query(sql, values), { id: id!, agencyId, status: 'deactivated' })
    return is(await send(host.token('provider-self'), '/api/me'), 403, 'FORBIDDEN')
  },
  access: async ({ send, host, user }) =>
    is(await send(user({ scope: 'consent:read' }), conversations), 403, 'FORBIDDEN') &&
    is(await send(host.token('clinician'), conversations), 403, 'FORBIDDEN'),
  agreement: async ({ send, user }) => is(await send(user(), `/api/consents/decision?patientId=${ben}&scope=messaging`), 403, 'FORBIDDEN'),
  switch: async ({ host, send, messages, user }) => {
    await host.flip('USE_CHAT_WRITES', false)
    const refused = await send(user(), messages, { body: { body: '' } })
    await host.flip('USE_CHAT_WRITES', true)
    return is(refused, 503, 'UPSTREAM_UNAVAILABLE', 'disabled')
  },
  'user-rate': ({ send, messages, user }) => {
    const token = user()
    return isLimited(6, () => send(token, messages, { body: { body: '' } }))
  },
  credentials: async ({ host, send }) => {
    const body = { metadataId: newId(), note: 'password: hunter2' }
    return is(await send(host.token('compliance-officer'), '/api/dea/compliance-note', { body }), 400, 'VALIDATION_FAILED')
  },
  validation: async (stage) => {
    const before = await countOf(stage, 'messaging_message')
    const keyless = await stage.send(stage.user(), stage.messages, { body: { body: 'x' }, key: null })
    return is(keyless, 400, 'VALIDATION_FAILED', 'idempotency-key') && (await countOf(stage, 'messaging_message')) === before
  },
  ownership: async ({ host, send, messages }) =>
    is(await send(host.token('patient-ben'), messages), 403, 'FORBIDDEN') &&
    is(await send(host.token('patient-ben'), messages, { body: { body: 'x' } }), 403, 'FORBIDDEN'),
  consent: async (stage) => {
    const before = await countOf(stage, 'messaging_message')
    const { token, messages } = stage.unconsented
    return (
      is(await stage.send(token, messages, { body: { body: 'x' } }), 403, 'CONSENT_REQUIRED') &&
      (await countOf(stage, 'messaging_message')) === before
    )
  },
  'conversation-rate': ({ send, messages, user }) => {
    const token = user()
    return isLimited(3, () => send(token, messages, { body: { body: 'x' } }))
  },
  idempotency: async (stage) => {
    const before = await countOf(stage, 'messaging_message')
    const [token, key] = [stage.user(), newId()]
    const [first, second] = [
      await stage.send(token, stage.messages, { body: { body: 'x' }, key }),
      await stage.send(token, stage.messages, { body: { body: 'x' }, key }),
    ]
    return first.body === second.body && (await countOf(stage, 'messaging_message')) === before + 1
  },
  'switch-recheck': switchedOffMeanwhile,
  audit: async (stage) => {
    const attempts = [
      await stage.send(stage.user(), stage.messages, { body: { body: 'x' } }),
      await stage.send(stage.user(), stage.messages),
      await stage.send(stage.host.token('clinician'), stage.messages),
      await stage.send(stage.user(), '/api/consents', { body: { patientId: ana, scope: 'advisor' } }),
    ]
    const ids = attempts.map(({ headers }) => headers['x-request-id'])
    return (await countOf(stage, 'audit_event where request_id = any($1::uuid[])', ids)) === attempts.length
  },
}
