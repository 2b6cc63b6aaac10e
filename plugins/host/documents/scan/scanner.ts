import type { ScanResult } from '../../../../domain/shared/documents.ts'

/** Looks at one file for malware, as it passes. */
export interface Scan {
  see(chunk: Buffer): void | Promise<void>
  /** @throws Refusal VALIDATION_FAILED (`malware`), or UPSTREAM_UNAVAILABLE where the scanner cannot say */
  end(): Promise<ScanResult>
  /** Lets go of a file that did not come to its end. */
  close(): void
}

/** Opens a scan per file. */
export interface Scanner {
  open(): Promise<Scan>
}
