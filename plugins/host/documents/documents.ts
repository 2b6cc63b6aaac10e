import { Readable } from 'node:stream'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { DocumentType } from '../../../domain/shared/documents.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { KeySet } from '../crypto/index.ts'
import type { Transaction } from '../service.ts'
import { createDataKeys } from './data-keys.ts'
import type { DocumentsPort, ReceivedDocument, UploadRules } from './documents-port.ts'
import { plainName } from './filename.ts'
import type { FileClaim } from './inspect/inspect.ts'
import { takeIn, type IntakePatience } from './intake.ts'
import type { ObjectStore } from './object-store.ts'
import type { Registry } from './registry.ts'
import { releaseDocument, storeDocument } from './registry.ts'
import type { Scanner } from './scan/scanner.ts'
import { openContent } from './segments.ts'

/** How long an object may stand without its row: longer than any upload takes. Milliseconds. */
const orphanMs = 3_600_000
/** Objects that one sweep removes. */
const sweptAtOnce = 32

/** A file that has come in and whose row is still to be written. */
export interface Reception {
  readonly document: ReceivedDocument
  /** Of what was sent, before any transformation. */
  readonly sentSha256: string
  /** Puts it into the store. */
  keep(): Promise<void>
  /** Gives it its row, in the transaction that writes the context's own. */
  record(tx: Transaction): Promise<void>
  /** Leaves nothing of it. Never rejects; what cannot be removed now is removed by a later sweep. */
  discard(): Promise<void>
}

export interface OpenedDocument {
  readonly content: Readable
  readonly contentType: string
  readonly sizeBytes: number
}

/** Receives, opens and removes documents; the port of contexts and more. */
export interface Documents extends DocumentsPort {
  /** @throws Refusal VALIDATION_FAILED, RATE_LIMITED where too many are received at once, UPSTREAM_UNAVAILABLE */
  receive(source: AsyncIterable<Buffer>, claim: FileClaim, agencyId: string, rules: Required<Omit<UploadRules, 'transform'>> & Pick<UploadRules, 'transform'>): Promise<Reception> // prettier-ignore
  /** @throws Refusal UPSTREAM_UNAVAILABLE where it cannot be read or opened; the first segment is proved before this resolves */
  open(agencyId: string, objectKey: string): Promise<OpenedDocument>
  /** Removes objects of an agency that are due, a few at a time. Never rejects. */
  sweep(agencyId: string): Promise<void>
  close(): Promise<void>
}

export interface DocumentsOptions {
  readonly store: ObjectStore
  readonly registry: Registry
  readonly scanner: Scanner
  readonly keys: KeySet
  readonly clock: Clock
  /** Told of what failed, by its place; never with content. */
  readonly report: (event: string, error: unknown) => void
  readonly patience?: IntakePatience
  /** Files that are received at once; 64 unless told. */
  readonly atOnce?: number
}

/** What our own side of the matter failed with: the caller may try again. */
const ours = (error: unknown, report: () => void): never => {
  if (error instanceof Refusal) throw error
  report()
  throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause: error })
}

/** The stream of a document, once its first segment was proved: a wrong key shows before the answer begins. */
const proved = async (content: AsyncGenerator<Buffer>, failed: (error: unknown) => void): Promise<Readable> => {
  const first = await content.next()
  const whole = async function* (): AsyncGenerator<Buffer> {
    try {
      if (first.done !== true) yield first.value
      yield* content
    } catch (error) {
      failed(error)
      throw error
    } finally {
      await content.return(undefined)
    }
  }
  return Readable.from(whole(), { objectMode: false, highWaterMark: 65_536 })
}

export const createDocuments = (options: DocumentsOptions): Documents => {
  const { store, registry, scanner, keys, clock, report } = options
  const dataKeys = createDataKeys(keys)
  let receiving = 0

  const dataKeyOf = async (agencyId: string, ownerId: string) => {
    const owner = { agencyId, ownerId }
    const found = await registry.keyOf(owner, dataKeys.wrapsWith)
    if (found === null) return dataKeys.make(owner, clock.now())
    return { ...found, wrappedBy: dataKeys.wrapsWith, key: dataKeys.unwrap(owner, found.id, found.wrapped) }
  }

  const remove = async (agencyId: string, objectKeys: readonly string[]): Promise<void> => {
    for (const key of objectKeys) await store.remove(key)
    if (objectKeys.length > 0) await registry.removed(agencyId, objectKeys)
  }

  const receive: Documents['receive'] = async (source, claim, agencyId, rules) => {
    const { ownerId } = rules
    const objectKey = `${agencyId}/${newId(clock.now())}`
    const dataKey = await dataKeyOf(agencyId, ownerId)
    const intake = { source, claim, rules, dataKey: dataKey.key, place: { agencyId, objectKey } }
    const taken = await takeIn(store.incoming, scanner, intake, options.patience)
    const { contentType, sizeBytes, sha256, scan, sentSha256 } = taken
    const document: ReceivedDocument = { objectKey, filename: plainName(claim.filename), contentType, sizeBytes, sha256, scan }
    let kept = false
    return {
      document,
      sentSha256,
      async keep() {
        try {
          await registry.intend(agencyId, objectKey, new Date(clock.now() + orphanMs))
          kept = true
          await store.put(objectKey, taken.spooled)
        } catch (error) {
          ours(error, () => report('documents.store', error))
        }
      },
      record: (tx) => storeDocument(tx, { agencyId, ownerId, document, dataKey, now: clock.now() }),
      async discard() {
        await taken.discard().catch((error: unknown) => report('documents.spool', error))
        if (kept) await remove(agencyId, [objectKey]).catch((error: unknown) => report('documents.remove', error))
      },
    }
  }

  return {
    async receive(source, claim, agencyId, rules) {
      if (receiving >= (options.atOnce ?? 64)) throw new Refusal('RATE_LIMITED', 'default', { retryAfter: 5 })
      receiving += 1
      try {
        return await receive(source, claim, agencyId, rules)
      } catch (error) {
        return ours(error, () => report('documents.receive', error))
      } finally {
        receiving -= 1
      }
    },
    async open(agencyId, objectKey) {
      try {
        const found = await registry.find(agencyId, objectKey)
        if (!found?.key) throw Object.assign(new Error('no such document, or no key to it'), { code: 'ERR_NO_DOCUMENT' })
        const dataKey = dataKeys.unwrap({ agencyId, ownerId: found.ownerId }, found.key.id, found.key.wrapped)
        const sealed = await store.get(objectKey)
        if (sealed === null) throw Object.assign(new Error('no such object'), { code: 'ERR_NO_OBJECT' })
        const failed = (error: unknown): void => report('documents.unreadable', error)
        const content = await proved(openContent(sealed, dataKey, { agencyId, objectKey }), failed)
        return { content, contentType: found.contentType as DocumentType, sizeBytes: found.sizeBytes }
      } catch (error) {
        return ours(error, () => report('documents.unreadable', error))
      }
    },
    release: (tx, { agencyId, objectKey }) => releaseDocument(tx, agencyId, objectKey, clock.now()),
    async sweep(agencyId) {
      try {
        await remove(agencyId, await registry.due(agencyId, new Date(clock.now()), sweptAtOnce))
      } catch (error) {
        report('documents.sweep', error)
      }
    },
    close: () => store.close(),
  }
}
