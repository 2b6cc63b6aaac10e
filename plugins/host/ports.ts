import type { Principal } from './principal.ts'

/** What an operation's kill switch is asked with: an agency, a user and roles may each have their own answer. */
export interface FlagContext {
  readonly userId: string
  readonly agencyId: string
  readonly roles: readonly string[]
}

/** Feature flags as the source last told them. Synchronous: the answer is in memory. */
export interface FlagPort {
  /**
   * Is the flag on for this caller? A flag that the fresh source does not know has its default. Where the source has not been
   * seen fresh for 15 s, a flag that governs writes is off and one that governs reads keeps its last value.
   */
  isOn(name: string, context: FlagContext, use?: 'read' | 'write'): boolean
  /** Milliseconds since the source was last seen fresh; for readiness and metrics. */
  stalenessMs(): number
  close(): Promise<void>
}

/** One window of a limit: at most `max` in `windowMs`. */
export interface Window {
  readonly name: string
  readonly max: number
  readonly windowMs: number
}

export interface Verdict {
  readonly allowed: boolean
  /** The window that is nearest to refusing, for the RateLimit headers. */
  readonly window: Window
  readonly remaining: number
  /** Seconds until that window starts anew; whole, at least 1. */
  readonly resetSeconds: number
}

/** Counts attempts. Rejects with `Refusal('UPSTREAM_UNAVAILABLE')` where its store is down and the policy does not fall back. */
export interface LimiterPort {
  /** Counts one attempt against every window of the key; refused attempts count too. */
  take(key: string, windows: readonly Window[], options?: { readonly strict?: boolean }): Verdict | Promise<Verdict>
  /** Takes one attempt back that did not reach its gate after all. */
  giveBack(key: string, windows: readonly Window[]): void
  close(): Promise<void>
}

/** Encrypts single fields; the associated data binds a ciphertext to its place. */
export interface FieldCipherPort {
  seal(plaintext: string, place: FieldPlace): Buffer
  open(sealed: Buffer, place: FieldPlace): string
}

export interface FieldPlace {
  readonly table: string
  readonly column: string
  readonly rowId: string
  readonly agencyId: string
}

/** Keyed fingerprints for uniqueness and exact search over encrypted fields. */
export interface BlindIndexPort {
  index(purpose: string, normalised: string): Buffer
  /** The fingerprint under every key of the set, the current one first: rows that were saved under a former key are found by it. */
  candidates(purpose: string, normalised: string): Buffer[]
}

/** Reads the bearer token of a request. Throws `Refusal('UNAUTHORIZED')`, or `UPSTREAM_UNAVAILABLE` where no key can be had. */
export interface IdentityPort {
  authenticate(authorization: string | undefined): Principal | Promise<Principal>
  close(): Promise<void>
}

/** What the host knows of a caller besides the token. */
export interface CallerFacts {
  /** The agency that the request works in; the name is null where nobody added it. */
  readonly agency: { readonly id: string; readonly name: string | null; readonly modules: readonly string[] }
  /** The switches of the operations that are open to the caller, as they are for this caller now. */
  readonly flags: Readonly<Record<string, boolean>>
  /** The operations that are served and open to the caller, as `GET /consents`. */
  readonly open: ReadonlySet<string>
}

/** Tells a context about its caller, and about nobody else. */
export interface CallerFactsPort {
  /** @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say */
  of(caller: { readonly principal: Principal; readonly agencyId: string }): Promise<CallerFacts>
}
