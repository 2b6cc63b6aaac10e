import type { Pool } from 'pg'
import { refusalOfDatabase } from '../database/failure.ts'
import type { Transaction } from '../service.ts'
import type { DataKey, KeyOwner } from './data-keys.ts'
import type { ReceivedDocument } from './documents-port.ts'

/** A stored document and the wrapped key that opens it; null where that key was destroyed. */
export interface FoundDocument {
  readonly ownerId: string
  readonly contentType: string
  readonly sizeBytes: number
  readonly key: { readonly id: string; readonly wrapped: Buffer } | null
}

/** What is received, with its place and key. */
export interface NewDocument extends KeyOwner {
  readonly document: ReceivedDocument
  readonly dataKey: Pick<DataKey, 'id' | 'wrapped' | 'wrappedBy'>
  readonly now: number
}

/** The database's side of the store: which objects there are, which must go, and the keys. */
export interface Registry {
  /** The owner's newest key that this key-encryption key wrapped. */
  keyOf(owner: KeyOwner, wrappedBy: string): Promise<{ readonly id: string; readonly wrapped: Buffer } | null>
  /** Says that an object is about to be written: unless it gets its row, it is removed once that is due. */
  intend(agencyId: string, objectKey: string, due: Date): Promise<void>
  find(agencyId: string, objectKey: string): Promise<FoundDocument | null>
  due(agencyId: string, now: Date, limit: number): Promise<string[]>
  removed(agencyId: string, objectKeys: readonly string[]): Promise<void>
}

type Query = <R extends object>(name: string, values: readonly unknown[]) => Promise<R>

/** Calls one function of the gate's role in a transaction of its own; its one row. @throws Refusal, or the driver's error */
export const callerOf =
  (pool: Pick<Pool, 'query'>): Query =>
  async <R extends object>(name: string, values: readonly unknown[]): Promise<R> => {
    const places = values.map((_, index) => `$${index + 1}`).join(', ')
    try {
      const { rows } = await pool.query({ name, text: `select * from ${name}(${places})`, values: [...values] })
      return rows[0] as R
    } catch (error) {
      throw refusalOfDatabase(error) ?? error
    }
  }

interface FoundRow {
  readonly owner_id: string | null
  readonly content_type: string
  readonly size_bytes: number
  readonly key_id: string | null
  readonly wrapped: Buffer
}

export const createRegistry = (pool: Pick<Pool, 'query'>): Registry => {
  const call = callerOf(pool)
  return {
    async keyOf({ agencyId, ownerId }, wrappedBy) {
      const row = await call<{ id: string | null; wrapped: Buffer }>('host_document_key_of', [agencyId, ownerId, wrappedBy])
      return row.id === null ? null : { id: row.id, wrapped: row.wrapped }
    },
    async intend(agencyId, objectKey, due) {
      await call('host_document_intend', [agencyId, objectKey, due])
    },
    async find(agencyId, objectKey) {
      const row = await call<FoundRow>('host_document_find', [agencyId, objectKey])
      if (row.owner_id === null) return null
      const key = row.key_id === null ? null : { id: row.key_id, wrapped: row.wrapped }
      return { ownerId: row.owner_id, contentType: row.content_type, sizeBytes: row.size_bytes, key }
    },
    async due(agencyId, now, limit) {
      const { objects } = await call<{ objects: string[] | null }>('host_document_due', [agencyId, now, limit])
      return objects ?? []
    },
    async removed(agencyId, objectKeys) {
      await call('host_document_removed', [agencyId, objectKeys])
    },
  }
}

const storeSql = 'select host_document_store($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)'

/** Gives an object its row, and its owner a key where that is new. @throws Refusal UPSTREAM_UNAVAILABLE where it took so long that it is gone */
export const storeDocument = async (tx: Transaction, { agencyId, ownerId, document, dataKey, now }: NewDocument): Promise<void> => {
  const { objectKey, contentType, sizeBytes, sha256, scan } = document
  const key = [dataKey.id, dataKey.wrappedBy, dataKey.wrapped]
  const values = [agencyId, objectKey, ownerId, ...key, contentType, sizeBytes, Buffer.from(sha256, 'hex'), scan, new Date(now)]
  await tx.sql(storeSql, values)
}

/** @see DocumentsPort.release */
export const releaseDocument = async (tx: Transaction, agencyId: string, objectKey: string, now: number): Promise<void> => {
  await tx.sql('select host_document_release($1, $2, $3)', [agencyId, objectKey, new Date(now)])
}
