import type { Signature, SignatureVerifier, Signer } from '../crypto/index.ts'
import type { ChainHead } from './chain-head.ts'

/** Heads that were committed by a moment, as one instance saw them. */
export interface Checkpoint {
  readonly instance: string
  /** ISO 8601. */
  readonly at: string
  readonly heads: readonly ChainHead[]
}

/** A line of the checkpoint store: the signed text itself stands in it, so that nothing has to be put back together to check it. */
export interface SignedLine extends Signature {
  readonly checkpoint: string
}

/** Signs heads as one line, without its newline. */
export const writeCheckpoint = (signer: Signer, { instance, at, heads }: Checkpoint): string => {
  const text = JSON.stringify({ v: 1, instance, at, heads: heads.map(({ agencyId, lane, seq, hash }) => [agencyId, lane, seq, hash]) })
  return JSON.stringify({ checkpoint: text, ...signer.sign(text) } satisfies SignedLine)
}

type WrittenHead = [agencyId: string, lane: number, seq: number, hash: string]

/** What became of a line: its heads, or why it says nothing. */
export type ReadLine = { readonly kind: 'signed'; readonly checkpoint: Checkpoint } | { readonly kind: 'torn' | 'forged' | 'unknown-key' }

const contentOf = (text: string): Checkpoint => {
  const { instance, at, heads } = JSON.parse(text) as { instance: string; at: string; heads: WrittenHead[] }
  return { instance, at, heads: heads.map(([agencyId, lane, seq, hash]) => ({ agencyId, lane, seq, hash })) }
}

const read = (verifier: SignatureVerifier, line: string, checked: boolean): ReadLine => {
  let signed: SignedLine
  try {
    signed = JSON.parse(line) as SignedLine
  } catch {
    return { kind: 'torn' }
  }
  if (typeof signed?.checkpoint !== 'string' || typeof signed.key !== 'string' || typeof signed.signature !== 'string')
    return { kind: 'forged' }
  if (!verifier.keyIds.includes(signed.key)) return { kind: 'unknown-key' }
  if (checked && !verifier.verify(signed.checkpoint, signed)) return { kind: 'forged' }
  try {
    return { kind: 'signed', checkpoint: contentOf(signed.checkpoint) }
  } catch {
    return { kind: 'forged' }
  }
}

/**
 * Reads a line. `torn`: not a whole line (a crash while it was written); `forged`: the signature does not fit;
 * `unknown-key`: signed by a key that the verifier was not given.
 */
export const readCheckpoint = (verifier: SignatureVerifier, line: string): ReadLine => read(verifier, line, true)

/** What a line claims, its signature not yet checked. */
export const parseCheckpoint = (verifier: SignatureVerifier, line: string): ReadLine => read(verifier, line, false)
