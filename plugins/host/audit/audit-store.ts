import { Readable } from 'node:stream'
import type { ClientBase, Pool } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { createPayloadCipher, createSigner, createVerifier, type KeySet } from '../crypto/index.ts'
import { readAiActions, readEvents, type AiAction, type EventFilter } from './audit-queries.ts'
import { auditRecord, type AuditRecord } from './audit-record.ts'
import { asAuditor, readAcross, readAsAuditor, withConnection } from './audit-session.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { exportLines } from './export.ts'
import { readSignedHeads } from './signed-heads.ts'
import { stretchesBetween } from './stretches.ts'
import { verifyAudit, type Verification } from './verify.ts'

export type { AiAction, EventFilter } from './audit-queries.ts'
export type { AuditRecord } from './audit-record.ts'
export type { Verification } from './verify.ts'

/**
 * What an auditor may ask of the audit store, in one agency at a time; `null` is a founder's read across all of them. Every method may
 * reject with UPSTREAM_UNAVAILABLE.
 */
export interface AuditStore {
  /** Events, the newest first, payloads opened. */
  events(agencyId: string | null, filter: EventFilter): Promise<AuditRecord[]>
  /** What AI agents did, the newest first. */
  aiActions(agencyId: string | null, filter: Pick<EventFilter, 'before' | 'limit'>): Promise<AiAction[]>
  /** NDJSON with everything that an offline check needs. What goes wrong before the first byte rejects; later it ends the stream with an error. */
  export(agencyId: string, range: Pick<EventFilter, 'from' | 'to'>): Promise<Readable>
  /** Checks the agency's chains. One check runs at a time in a process; who asks for one that is under way gets its result. */
  verify(agencyId: string): Promise<Verification>
}

export interface AuditStoreOptions {
  /** As the service's login. */
  readonly pool: Pool
  /** As the founder's bypass; without it reads across agencies answer UPSTREAM_UNAVAILABLE. */
  readonly bypass?: Pool | null
  /** `AUDIT_KEYS`. */
  readonly keys: KeySet
  readonly clock: Clock
  readonly checkpoints: Pick<CheckpointStore, 'read'>
  /** `AUDIT_SIGNING_KEY`. */
  readonly signingKey: string
  /** Raw public keys in base64 that signed before a rotation. */
  readonly formerPublicKeys?: readonly string[]
}

/** The auditor's side of the audit store, under the role that can only read it. */
export const createAuditStore = (options: AuditStoreOptions): AuditStore => {
  const { pool, clock, checkpoints } = options
  const cipher = createPayloadCipher(options.keys)
  const signer = createSigner(options.signingKey)
  const publicKeys = [signer.publicKey, ...(options.formerPublicKeys ?? [])]
  const running = new Map<string, Promise<Verification>>()
  const read = <T>(agencyId: string | null, work: (client: ClientBase) => Promise<T>): Promise<T> =>
    agencyId === null ? readAcross(options.bypass ?? null, work) : readAsAuditor(pool, agencyId, work)
  let turn: Promise<unknown> = Promise.resolve()

  const verifyNow = (agencyId: string): Promise<Verification> =>
    withConnection(pool, (client) =>
      verifyAudit({ client, checkpoints, publicKeys, agencyId, clock, prepare: (prepared) => asAuditor(prepared, agencyId) }),
    )

  return {
    events: (agencyId, filter) =>
      read(agencyId, async (client) => (await readEvents(client, agencyId, filter)).map((event) => auditRecord(cipher, event))),
    aiActions: (agencyId, filter) => read(agencyId, (client) => readAiActions(client, agencyId, filter)),
    async export(agencyId, { from, to }) {
      const signed = await readSignedHeads(checkpoints, createVerifier(publicKeys), agencyId)
      const stretches = await readAsAuditor(pool, agencyId, (client) => stretchesBetween(client, agencyId, from, to))
      const within = [...signed.newest.values()].filter(({ lane, seq }) =>
        stretches.some((stretch) => stretch.lane === lane && stretch.from <= seq && seq <= stretch.to),
      )
      const about = {
        agencyId,
        from: from?.toISOString() ?? null,
        to: to?.toISOString() ?? null,
        exportedAt: new Date(clock.now()).toISOString(),
      }
      return Readable.from(
        exportLines({ stretches, signed: within, signer, cipher, about, read: (agency, work) => readAsAuditor(pool, agency, work) }),
        { objectMode: false },
      )
    },
    verify(agencyId) {
      const known = running.get(agencyId)
      if (known) return known
      const asked = turn.then(() => verifyNow(agencyId))
      turn = asked.catch(() => {})
      running.set(agencyId, asked)
      const done = (): boolean => running.delete(agencyId)
      asked.then(done, done)
      return asked
    },
  }
}
