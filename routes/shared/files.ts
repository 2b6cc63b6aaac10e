import { Type } from '@sinclair/typebox'
import type { DocumentType } from '../../domain/shared/documents.ts'

/**
 * An operation that takes one file beside its fields, as `multipart/form-data`. The operation's `body` is the schema of the fields alone,
 * every one of them text; the host adds the file to the documentation. Fields may stand before or behind the file.
 */
export interface FileUpload {
  /** The name of the file's part. */
  readonly part: string
  readonly types: readonly DocumentType[]
  /** Hard bound in bytes; a setting may ask for less when the upload is admitted. */
  readonly maxBytes: number
  /** Whether the file may have been sent before, resumable: then the body is JSON, the fields and `uploadId`. */
  readonly resumable?: boolean
}

/** An operation whose answer is the content of a stored document. */
export interface FileDownload {
  readonly types: readonly DocumentType[]
}

/** The four requests of a resumable upload. @see https://tus.io/protocols/resumable-upload (1.0.0: core, creation, expiration, termination) */
export type ResumableStep = 'create' | 'status' | 'append' | 'discard'

/** The answer of a download, for its declaration. */
export const fileContent = Type.Unsafe<null>({ type: 'string', format: 'binary', description: 'The content of the document' })
