import type { IpLimits, Limits, LimitWindow } from '../limits.ts'

/** What the process was told, checked and shaped; frozen to the last leaf. Modules are handed the parts they need, never the whole. */
export interface AppConfig {
  /** `production` refuses every development default; every other NODE_ENV (`test` too) is `development`. */
  readonly profile: 'development' | 'production'
  readonly logLevel: LogLevel
  readonly server: ServerConfig
  /** Absolute. Holds the embedded defaults; in production nothing that must last. */
  readonly dataDir: string
  readonly database: DatabaseConfig
  readonly identity: IdentityConfig
  readonly flags: FlagsConfig
  /** `null`: the queue is on PostgreSQL and limits live in the process. */
  readonly redisUrl: string | null
  readonly storage: StorageConfig
  readonly keys: KeysConfig
  readonly checkpoints: CheckpointsConfig
  /** Raw Ed25519 keys in base64 that signed heads before `keys.auditSigning` did. */
  readonly auditPublicKeys: readonly string[]
  readonly mail: MailConfig
  /** `null`: uploads are not scanned (only the EICAR signature is refused). */
  readonly clamd: { readonly host: string; readonly port: number } | null
  /** By agency id; empty where appointments come from the read model. */
  readonly appointmentsFhir: Readonly<Record<string, FhirUpstream>>
  readonly advisor: AdvisorConfig
  readonly limits: AppLimits
  readonly tracing: TracingConfig | null
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface ServerConfig {
  readonly host: string
  readonly port: number
  /** Metrics and detailed readiness listen here, on loopback; `null`: nowhere of their own. */
  readonly opsPort: number | null
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.3' } | null
  /** Addresses and networks whose `X-Forwarded-For` is believed; `null`: nobody's. */
  readonly trustProxy: readonly string[] | null
  /** Exact origins, or every origin on loopback (development). */
  readonly corsOrigins: readonly string[] | 'loopback'
  /** Where clients reach the service, without a trailing slash; `null`: as it listens. */
  readonly publicUrl: string | null
  readonly publicDocs: boolean
}

export type DatabaseConfig =
  | { readonly kind: 'embedded'; readonly directory: string }
  | {
      readonly kind: 'server'
      readonly url: string
      /** The owner's; `null` where migrations are run elsewhere. */
      readonly migrationUrl: string | null
      /** The founder's read-only bypass; `null`: reads across agencies answer 503. */
      readonly bypassUrl: string | null
    }

export const tokenTypes = ['at+jwt', 'JWT'] as const
export type TokenType = (typeof tokenTypes)[number]

export interface IdentityConfig {
  /** `null`: the development issuer in the process. */
  readonly issuer: string | null
  readonly audience: string
  /** Accepted values of the token header's `typ`. */
  readonly tokenTypes: readonly TokenType[]
  /** The identity provider's administration; `null`: the development issuer. */
  readonly admin: { readonly url: string; readonly clientId: string; readonly clientSecret: string } | null
}

export type FlagsConfig =
  | { readonly kind: 'unleash'; readonly url: string; readonly apiToken: string }
  | { readonly kind: 'file'; readonly path: string }

export type StorageConfig =
  | { readonly kind: 'files'; readonly directory: string }
  | {
      readonly kind: 's3'
      readonly endpoint: string
      readonly bucket: string
      readonly region: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly forcePathStyle: boolean
    }

/** One key with its id. */
export interface NamedKey {
  readonly id: string
  /** 32 bytes. */
  readonly key: Buffer
}

/** The first key seals; the others still open what they sealed. */
export type KeySet = readonly NamedKey[]

export interface Keys {
  readonly fields: KeySet
  readonly index: KeySet
  readonly documents: KeySet
  readonly audit: KeySet
  /** Ed25519 private key, PKCS #8 DER in base64. */
  readonly auditSigning: string
}

/** Where a set is `null`, the development profile makes it once in `generateIn` and keeps it there. */
export type KeysConfig = { readonly [K in keyof Keys]: Keys[K] | null } & { readonly generateIn: string }

export type CheckpointsConfig =
  | { readonly kind: 'directory'; readonly directory: string }
  /** In the store of `storage`, which is then an S3 store; the prefix has no slash at its ends and may be empty. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }

export type MailConfig =
  | { readonly kind: 'files'; readonly directory: string; readonly from: string }
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }

export interface FhirUpstream {
  readonly baseUrl: string
  /** Sent as a bearer token; `null`: none. */
  readonly token: string | null
}

export interface AdvisorConfig {
  /** An OpenAI-compatible endpoint; `null`: retrieval over the texts that ship with the service. */
  readonly upstream: { readonly url: string; readonly apiKey: string | null; readonly model: string } | null
  readonly phiAllowed: boolean
  readonly policyVersion: string
}

export interface AppLimits {
  readonly messaging: Limits<'user' | 'burst' | 'conversation'>
  readonly ip: IpLimits
  /** Every authenticated operation of a user. */
  readonly user: LimitWindow
}

export interface TracingConfig {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly serviceName: string
  /** Share of new traces that are kept, 0 to 1; a caller's decision is followed. */
  readonly sampleRatio: number
}
