import type { Transaction } from '../service.ts'
import type { FileClaim } from './inspect/inspect.ts'

export interface UploadOwner {
  readonly agencyId: string
  readonly userId: string
}

/** An upload under way, as its owner sees it. */
export interface UploadState {
  readonly id: string
  readonly sizeBytes: number
  readonly received: number
  readonly expiresAt: Date
}

/** A part that has come in and is to be added in a transaction. */
export interface ArrivedPart {
  readonly size: number
  /** @throws Refusal CONFLICT where the upload has meanwhile gone on or away */
  add(tx: Transaction): Promise<void>
  /** Leaves nothing of it. Never rejects. */
  discard(): Promise<void>
}

/** A complete upload, to be read as a file and then given up. */
export interface CompleteUpload {
  readonly source: AsyncIterable<Buffer>
  readonly claim: FileClaim
  /** Gives it up in the transaction that stores what became of it. @throws Refusal CONFLICT where somebody else was faster */
  consume(tx: Transaction): Promise<void>
}

/** Uploads that go on after an interruption. State is in the database, sealed parts are in the store: any instance can go on with them. */
export interface Uploads {
  /** @throws Refusal CONFLICT where the caller has too much under way */
  create(tx: Transaction, owner: UploadOwner, sizeBytes: number, claim: FileClaim): Promise<UploadState>
  /** Null where there is none of the owner's, or no more. */
  find(owner: UploadOwner, id: string): Promise<UploadState | null>
  /** Takes in what arrives from `offset` on, up to where it breaks off. @throws Refusal NOT_FOUND, CONFLICT, VALIDATION_FAILED (`too-large`) */
  receive(owner: UploadOwner, id: string, offset: number, source: AsyncIterable<Buffer>): Promise<ArrivedPart>
  discard(tx: Transaction, owner: UploadOwner, id: string): Promise<boolean>
  /** @throws Refusal VALIDATION_FAILED at `/uploadId` where there is none, or it is not complete */
  complete(owner: UploadOwner, id: string): Promise<CompleteUpload>
  /** Drops uploads of an agency whose time is over; their parts are swept like any object. */
  expire(agencyId: string): Promise<void>
}
