import type { Transaction } from '../service.ts'

export type { ReceivedDocument, SentDocument, UploadRules } from './document-types.ts'

/**
 * The capability `documents`. An upload is an `UploadService`, a download an outcome with a `file`: the host receives, seals, stores, opens
 * and streams. The host keeps a row per stored object (`host_document`, with the key it is sealed under) that is written in the
 * transaction of `store`: an object without one is swept away.
 */
export interface DocumentsPort {
  /** Gives up a stored document in the transaction that removes its row; the object goes with a sweep, within minutes of the commit. */
  release(tx: Transaction, document: { readonly agencyId: string; readonly objectKey: string }): Promise<void>
}
