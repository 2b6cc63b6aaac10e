/** The last row of a chain: agency and lane, its number and its hash. */
export interface AuditHead {
  readonly agencyId: string
  readonly lane: number
  readonly seq: number | string | bigint
  /** 32 bytes, or their hex with or without `\x`. */
  readonly hash: Buffer | string
}

/** A head in the form in which it is signed and compared. */
export interface ChainHead {
  readonly agencyId: string
  readonly lane: number
  readonly seq: number
  /** 64 lower-case hex digits. */
  readonly hash: string
}

export const chainHead = ({ agencyId, lane, seq, hash }: AuditHead): ChainHead => ({
  agencyId,
  lane,
  seq: Number(seq),
  hash: Buffer.isBuffer(hash) ? hash.toString('hex') : hash.replace(/^\\x/, ''),
})

export const chainName = ({ agencyId, lane }: { readonly agencyId: string; readonly lane: number }): string => `${agencyId}/${lane}`
