import type { Pool } from 'pg'
import type { AppConfig, KeySet } from '../../../config/env.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { agencyIds } from '../jobs/agency-ids.ts'
import type { FieldCipherPort } from '../ports.ts'
import { createDocuments, type Documents } from './documents.ts'
import { fileStore } from './file-store.ts'
import type { ObjectStore } from './object-store.ts'
import { createRegistry } from './registry.ts'
import { s3Store } from './s3-store.ts'
import { clamdScanner } from './scan/clamd.ts'
import { eicarScanner } from './scan/eicar.ts'
import { createUploads, type Uploads } from './uploads.ts'

/** How often agencies in which this process was at work are swept again, and every which time all of them. Milliseconds, times. */
const sweepMs = 10 * 60_000
const sweepsPerAll = 6
const rememberedAgencies = 1_000

export interface OpenDocumentsOptions {
  readonly config: Pick<AppConfig, 'storage' | 'clamd'>
  readonly pool: Pool
  /** `DOCUMENT_KEYS`. */
  readonly keys: KeySet
  readonly fields: FieldCipherPort
  readonly clock: Clock
  readonly report: (event: string, error: unknown) => void
}

export interface OpenedDocuments {
  readonly documents: Documents
  readonly uploads: Uploads
  /** Can the store be reached? */
  check(): Promise<boolean>
  close(): Promise<void>
}

const openStore = ({ storage }: Pick<AppConfig, 'storage'>): Promise<ObjectStore> =>
  storage.kind === 's3' ? s3Store(storage) : fileStore(storage.directory)

/** Opens the store and the scanner that the configuration names, and sweeps now and then where this process has been at work. */
export const openDocuments = async ({ config, pool, keys, fields, clock, report }: OpenDocumentsOptions): Promise<OpenedDocuments> => {
  const store = await openStore(config)
  const registry = createRegistry(pool)
  const scanner = config.clamd ? clamdScanner(config.clamd) : eicarScanner
  const uploads = createUploads({ pool, store, registry, keys, fields, clock, report })
  const documents = createDocuments({ store, registry, scanner, keys, clock, report })
  const agencies = new Set<string>()
  let sweeps = 0
  let closing = false

  const remember = (agencyId: string): void => {
    if (agencies.size < rememberedAgencies) agencies.add(agencyId)
  }
  const sweep = async (agencyId: string): Promise<void> => {
    remember(agencyId)
    await uploads.expire(agencyId).catch((error: unknown) => report('documents.sweep', error))
    await documents.sweep(agencyId)
  }
  const sweepAll = async (): Promise<void> => {
    sweeps += 1
    // What another process left when it ended is found this way too.
    const concerned = sweeps % sweepsPerAll === 1 ? agencyIds(pool) : [...agencies]
    try {
      for await (const agencyId of concerned) if (!closing) await sweep(agencyId)
    } catch (error) {
      report('documents.sweep', error)
    }
  }
  const timer = setInterval(() => void sweepAll(), sweepMs).unref()

  return {
    documents: {
      ...documents,
      sweep,
      async release(tx, document) {
        remember(document.agencyId)
        await documents.release(tx, document)
      },
    },
    uploads,
    check: () => store.check(),
    async close() {
      closing = true
      clearInterval(timer)
      await documents.close()
    },
  }
}
