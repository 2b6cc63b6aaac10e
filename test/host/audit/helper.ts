import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId } from '../../../domain/shared/ids.ts'
import type { AuditFacts, CheckpointStore } from '../../../plugins/host/audit/index.ts'
import { createSigner, generateKey, parseKeySet } from '../../../plugins/host/crypto/index.ts'

export const riverside = '11111111-1111-4111-8111-111111111111'
export const lakeside = '22222222-2222-4222-8222-222222222222'

export const auditKeys = parseKeySet(generateKey('audit1'))
export const signingKey = randomBytes(32).toString('base64')
export const signer = createSigner(signingKey)

/** A clock that stands still until it is moved. */
export const frozenClock = (start = Date.parse('2026-12-01T10:00:00.123Z')): Clock & { move(ms: number): void } => {
  let now = start
  return { now: () => now, move: (ms) => void (now += ms) }
}

/** Facts of a patient's write, with whatever a test wants to say differently. */
export const facts = (told: Partial<AuditFacts> = {}): AuditFacts => ({
  id: newId(),
  agencyId: riverside,
  at: Date.parse('2026-12-01T10:00:00.123Z'),
  action: 'sendMessage',
  userId: 'ana',
  role: 'patient',
  agent: null,
  patientId: '33333333-3333-4333-8333-333333333333',
  entityType: 'conversation',
  entityId: '44444444-4444-4444-8444-444444444444',
  ip: '127.0.0.1',
  requestId: '55555555-5555-4555-8555-555555555555',
  idempotencyKey: 'key-1',
  bypass: false,
  payload: { body: 'MARKED hello' },
  ...told,
})

interface Teardown {
  teardown(work: () => unknown): unknown
}

/** A pool that is closed with the test. */
export const poolFor = (t: Teardown, connectionString: string, max = 4): pg.Pool => {
  const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  t.teardown(() => pool.end())
  return pool
}

/** A connection that is closed with the test. */
export const connect = async (t: Teardown, connectionString: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end().catch(() => {}))
  return client
}

/** Checkpoints in memory; `failing` makes appends reject. */
export const memoryCheckpoints = (): CheckpointStore & { lines: string[]; failing: boolean } => {
  const store = {
    lines: [] as string[],
    failing: false,
    async append(line: string) {
      if (store.failing) throw new Error('the store is down')
      store.lines.push(line)
    },
    async *read() {
      yield* store.lines
    },
    async close() {},
  }
  return store
}

/** Waits until something holds, by turns of the event loop; gives up after five seconds. */
export const until = async (holds: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> => {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it never came true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
