import type { Anchor } from './verify-chain.ts'

/** What is signed where a retired month ends and its chain goes on. */
export const anchorText = ({ agencyId, lane, fromSeq, seq, hash, month }: Anchor & { readonly month: string }): string =>
  JSON.stringify({ v: 1, retired: month, agencyId, lane, fromSeq, seq, hash: hash.toString('hex') })
