export { createBlindIndex, type BlindIndex } from './blind-index.ts'
export {
  createDocumentKeyCipher,
  createFieldCipher,
  createPayloadCipher,
  createResponseCipher,
  createTicketCipher,
  type AuditPlace,
  type PayloadCipher,
  type PlacedCipher,
  type ResponseCipher,
  type ResponsePlace,
} from './ciphers.ts'
export { generateKey, parseKeySet, type KeySet, type NamedKey } from './key-set.ts'
export { createSigner, createVerifier, type Signature, type SignatureVerifier, type Signer } from './signing.ts'
