/** What an offline check of an export found. */
export interface ExportVerification {
  readonly valid: boolean
  readonly rows: number
  readonly chains: number
  readonly signedHeads: number
  /** The seal at the end fits everything before it. */
  readonly sealed: boolean
  /** The signatures were checked with the key that stands in the export itself. */
  readonly ownKey: boolean
  readonly firstBreak?: {
    readonly kind: string
    readonly agencyId?: string
    readonly lane?: number
    readonly seq?: number
    readonly id?: string
    readonly detail: string
  }
}

/** Checks the lines of an export, with the raw Ed25519 public keys (base64) that were handed over, or with the export's own. */
export declare const verifyExport: (
  lines: AsyncIterable<string> | Iterable<string>,
  givenKeys?: readonly string[],
) => Promise<ExportVerification>
