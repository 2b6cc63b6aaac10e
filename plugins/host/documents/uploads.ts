import type { Pool } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { KeySet } from '../crypto/index.ts'
import type { FieldCipherPort } from '../ports.ts'
import type { Transaction } from '../service.ts'
import { createDataKeys } from './data-keys.ts'
import type { FileClaim } from './inspect/inspect.ts'
import type { ObjectStore } from './object-store.ts'
import { callerOf, type Registry } from './registry.ts'
import { openContent } from './segments.ts'
import { spoolPart } from './upload-part.ts'
import type { ArrivedPart, UploadOwner, Uploads } from './uploads-port.ts'

export type { Uploads, UploadState } from './uploads-port.ts'

/** How long an upload may take from its creation. Milliseconds. */
export const uploadLifetimeMs = 24 * 3_600_000
/** What one user may have under way at a time. */
export const uploadQuota = { uploads: 10, bytes: 200 * 1024 * 1024 } as const
/** How long a part may stand before it belongs to its upload. Milliseconds. */
const orphanMs = 3_600_000
const expiredAtOnce = 16

interface UploadRow {
  readonly size_bytes: number | null
  readonly received: number
  readonly described: Buffer
  readonly wrapped: Buffer
  readonly expires_at: Date
  readonly parts: string[]
}

export interface UploadsOptions {
  readonly pool: Pick<Pool, 'query'>
  readonly store: ObjectStore
  readonly registry: Registry
  readonly keys: KeySet
  readonly fields: FieldCipherPort
  readonly clock: Clock
  readonly report: (event: string, error: unknown) => void
}

const createSql = 'select admitted from host_upload_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'
const appendSql = 'select appended from host_upload_append($1, $2, $3, $4, $5, $6, $7)'
const discardSql = 'select discarded from host_upload_discard($1, $2, $3, $4)'

export const createUploads = ({ pool, store, registry, keys, fields, clock, report }: UploadsOptions): Uploads => {
  const call = callerOf(pool)
  const dataKeys = createDataKeys(keys)
  const now = (): Date => new Date(clock.now())
  const placeOf = (agencyId: string, rowId: string) => ({ table: 'host_upload', column: 'described', rowId, agencyId })
  /** Uploads that this process is receiving a part of. */
  const busy = new Set<string>()

  const rowOf = async ({ agencyId, userId }: UploadOwner, id: string): Promise<(UploadRow & { size_bytes: number }) | null> => {
    const row = await call<UploadRow>('host_upload_find', [agencyId, userId, id, now()])
    return row.size_bytes === null ? null : { ...row, size_bytes: row.size_bytes }
  }

  const keyOf = ({ agencyId }: UploadOwner, id: string, wrapped: Buffer): Buffer => dataKeys.unwrap({ agencyId, ownerId: id }, id, wrapped)

  const removeObject = async (agencyId: string, objectKey: string): Promise<void> => {
    try {
      await store.remove(objectKey)
      await registry.removed(agencyId, [objectKey])
    } catch (error) {
      report('documents.remove', error)
    }
  }

  const discard = async (tx: Transaction, { agencyId, userId }: UploadOwner, id: string): Promise<boolean> => {
    const [row] = await tx.sql<{ discarded: boolean }>(discardSql, [agencyId, userId, id, now()])
    return row?.discarded === true
  }

  async function* contentOf(owner: UploadOwner, id: string, row: UploadRow): AsyncGenerator<Buffer> {
    const key = keyOf(owner, id, row.wrapped)
    for (const objectKey of row.parts) {
      const sealed = await store.get(objectKey)
      if (sealed === null) throw Object.assign(new Error('a part is gone'), { code: 'ERR_NO_OBJECT' })
      yield* openContent(sealed, key, { agencyId: owner.agencyId, objectKey })
    }
  }

  const receivePart = async (owner: UploadOwner, id: string, offset: number, source: AsyncIterable<Buffer>): Promise<ArrivedPart> => {
    const row = await rowOf(owner, id)
    if (row === null) throw new Refusal('NOT_FOUND')
    if (offset !== row.received) throw new Refusal('CONFLICT')
    const { agencyId, userId } = owner
    const objectKey = `${agencyId}/${newId(clock.now())}`
    const dataKey = keyOf(owner, id, row.wrapped)
    const part = await spoolPart(store.incoming, source, row.size_bytes - row.received, dataKey, { agencyId, objectKey })
    try {
      if (part.size > 0) {
        await registry.intend(agencyId, objectKey, new Date(clock.now() + orphanMs))
        await store.put(objectKey, part.spooled)
      }
    } finally {
      await part.discard()
    }
    return {
      size: part.size,
      async add(tx) {
        if (part.size === 0) return
        const [added] = await tx.sql<{ appended: boolean }>(appendSql, [agencyId, userId, id, offset, part.size, objectKey, now()])
        if (added?.appended !== true) throw new Refusal('CONFLICT')
      },
      discard: () => (part.size === 0 ? Promise.resolve() : removeObject(agencyId, objectKey)),
    }
  }

  return {
    async create(tx, { agencyId, userId }, sizeBytes, claim) {
      const id = newId(clock.now())
      const { wrapped } = dataKeys.make({ agencyId, ownerId: id }, clock.now(), id)
      const described = fields.seal(JSON.stringify(claim), placeOf(agencyId, id))
      const at = now()
      const expiresAt = new Date(at.getTime() + uploadLifetimeMs)
      const quota = [uploadQuota.uploads, uploadQuota.bytes]
      const [row] = await tx.sql<{ admitted: boolean }>(createSql, [
        agencyId, userId, id, sizeBytes, described, wrapped, at, expiresAt, ...quota,
      ]) // prettier-ignore
      if (row?.admitted !== true) throw new Refusal('CONFLICT')
      return { id, sizeBytes, received: 0, expiresAt }
    },
    async find(owner, id) {
      const row = await rowOf(owner, id)
      return row && { id, sizeBytes: row.size_bytes, received: row.received, expiresAt: row.expires_at }
    },
    async receive(owner, id, offset, source) {
      if (busy.has(id)) throw new Refusal('CONFLICT')
      busy.add(id)
      try {
        return await receivePart(owner, id, offset, source)
      } catch (error) {
        if (error instanceof Refusal) throw error
        report('documents.part', error)
        throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause: error })
      } finally {
        busy.delete(id)
      }
    },
    discard,
    async complete(owner, id) {
      const row = await rowOf(owner, id)
      if (row === null) throw invalid('/uploadId', 'unknown')
      if (row.received !== row.size_bytes) throw invalid('/uploadId', 'incomplete')
      return {
        source: contentOf(owner, id, row),
        claim: JSON.parse(fields.open(row.described, placeOf(owner.agencyId, id))) as FileClaim,
        async consume(tx) {
          if (!(await discard(tx, owner, id))) throw new Refusal('CONFLICT')
        },
      }
    },
    async expire(agencyId) {
      await call('host_upload_expire', [agencyId, now(), expiredAtOnce])
    },
  }
}
