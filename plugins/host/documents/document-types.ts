import type { DocumentType, ScanResult } from '../../../domain/shared/documents.ts'

/** A document that was received, looked through, scanned and stored. Its row is still to be written, by the `store` of its upload. */
export interface ReceivedDocument {
  /** What the context's row keeps: `<agency id>/<id>`, at most 80 characters; it says nothing of content or person. */
  readonly objectKey: string
  /** Without folders and control characters, NFC, at most 255 characters; null where the client gave none. */
  readonly filename: string | null
  /** By content. */
  readonly contentType: DocumentType
  /** Of what is stored; after a `transform`, of its result. */
  readonly sizeBytes: number
  /** SHA-256 of what is stored, 64 hex digits. */
  readonly sha256: string
  readonly scan: ScanResult
}

/** What an upload is admitted to be, said before a byte of the file is read. */
export interface UploadRules {
  /** Under whose data key it is sealed: the provider's id. */
  readonly ownerId: string
  /** At most that of the declaration; the agency's setting. Bytes. */
  readonly maxBytes: number
  /** Fewer than the declaration's, where it takes fewer. */
  readonly types?: readonly DocumentType[]
  /** Rewrites what has been looked through before it is sealed, such as to leave metadata out. Streams; must not hold the whole. */
  readonly transform?: (content: AsyncIterable<Buffer>, contentType: DocumentType) => AsyncIterable<Buffer>
}

/** A stored document as an answer sends it: the `file` of an outcome. */
export interface SentDocument {
  readonly objectKey: string
  /** Where it is not the agency that the request works in, as for the public. */
  readonly agencyId?: string
  readonly filename: string | null
  readonly disposition: 'inline' | 'attachment'
  /** `Cache-Control`; `no-store` unless told. */
  readonly cacheControl?: string
}
