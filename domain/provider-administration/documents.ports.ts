import type { DocumentType, ProviderDocument } from './document.ts'
import type { ProviderStatus } from './lifecycle.ts'

/** A new version with the audit row of its upload. */
export type NewDocument = ProviderDocument & { readonly auditId: string }

/** An administrator's decision about a version. */
export interface Decision {
  readonly id: string
  readonly status: 'approved' | 'rejected'
  readonly reason: string | null
  readonly by: string
  readonly at: Date
  readonly auditId: string
}

/** The documents of one provider, inside one transaction. */
export interface DocumentStore {
  /** The provider's status, locked against whatever else works on the provider until the transaction ends; null where there is none. */
  lockProvider(): Promise<ProviderStatus | null>
  /** Every version, from the newest backwards. */
  all(): Promise<ProviderDocument[]>
  add(document: NewDocument): Promise<void>
  /** A newer version takes their place. */
  supersede(ids: readonly string[], at: Date): Promise<void>
  decide(decision: Decision): Promise<void>
  /** Asks for a new version. */
  request(id: string, request: { readonly at: Date; readonly by: string }): Promise<void>
}

/** What was uploaded, before it is a document of a provider. */
export type Upload = Pick<ProviderDocument, 'filename' | 'contentType' | 'sizeBytes' | 'sha256' | 'scan' | 'objectKey' | 'expiresOn'> & {
  readonly type: DocumentType
}
