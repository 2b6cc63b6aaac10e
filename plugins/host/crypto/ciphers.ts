import type { FieldCipherPort, FieldPlace } from '../ports.ts'
import { open, seal } from './envelope.ts'
import type { KeySet } from './key-set.ts'
import { createSubkeys } from './subkeys.ts'

/** Seals and opens text for one kind of place. `open` throws `Error('ciphertext refused')` for any other place, key or byte. */
export interface PlacedCipher<Place> {
  seal(plaintext: string, place: Place): Buffer
  open(sealed: Buffer, place: Place): string
}

/** Where a sealed value of the audit store stands. */
export interface AuditPlace {
  readonly agencyId: string
  readonly eventId: string
  readonly column: 'payload' | 'changes'
}

/** The idempotency key that a stored answer belongs to. */
export interface ResponsePlace {
  readonly agencyId: string
  readonly userId: string
  readonly operation: string
  readonly key: string
}

/** What a ticket opens. */
export interface TicketPlace {
  readonly agencyId: string
  readonly operation: string
  readonly path: string
}

/** The wrapped key of an owner's documents. */
export interface DocumentKeyPlace {
  readonly agencyId: string
  readonly ownerId: string
  readonly keyId: string
}

export type PayloadCipher = PlacedCipher<AuditPlace>
export type ResponseCipher = PlacedCipher<ResponsePlace>
export type TicketCipher = PlacedCipher<TicketPlace>

const createCipher = <Place extends { readonly agencyId: string }>(
  keys: KeySet,
  purpose: string,
  parts: (place: Place) => readonly string[],
): PlacedCipher<Place> => {
  const subkeys = createSubkeys(keys, purpose)
  return {
    seal: (plaintext, place) => seal(subkeys, place.agencyId, parts(place), plaintext),
    open: (sealed, place) => open(subkeys, place.agencyId, parts(place), sealed),
  }
}

/** Encrypts single columns under `FIELD_KEYS`, a subkey per agency. @see design, Encryption */
export const createFieldCipher = (keys: KeySet): FieldCipherPort =>
  createCipher<FieldPlace>(keys, 'field', (place) => [place.table, place.column, place.rowId, place.agencyId])

/** Encrypts payloads and before/after values of the audit store under `AUDIT_KEYS`, a subkey per agency. */
export const createPayloadCipher = (keys: KeySet): PayloadCipher =>
  createCipher<AuditPlace>(keys, 'audit', (place) => [place.column, place.eventId, place.agencyId])

/** Encrypts stored answers of keyed writes; they open for the same agency, user, operation and key alone. */
export const createResponseCipher = (keys: KeySet): ResponseCipher =>
  createCipher<ResponsePlace>(keys, 'response', (place) => [place.agencyId, place.userId, place.operation, place.key])

/** Encrypts tickets; they open for one operation and path alone. */
export const createTicketCipher = (keys: KeySet): TicketCipher =>
  createCipher<TicketPlace>(keys, 'ticket', (place) => [place.operation, place.path])

/** Wraps the keys of documents under `DOCUMENT_KEYS`. */
export const createDocumentKeyCipher = (keys: KeySet): PlacedCipher<DocumentKeyPlace> =>
  createCipher<DocumentKeyPlace>(keys, 'document-key', (place) => [place.keyId, place.ownerId, place.agencyId])
