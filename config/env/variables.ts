import { type Static, Type } from '@sinclair/typebox'
import { logLevels } from './app-config.ts'

interface Rule {
  /** Completes "must be ...". */
  readonly rule: string
  readonly pattern?: string
}

const any: Rule = { rule: 'some text' }
const port: Rule = {
  rule: 'a port from 0 to 65535',
  pattern: '^(0|[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$',
}
const flag: Rule = { rule: 'true or false', pattern: '^(true|false)$' }
const share: Rule = { rule: 'a number from 0 to 1', pattern: '^(0|1|0?\\.\\d+|1\\.0+)$' }
const httpUrl: Rule = { rule: 'an http or https URL without user name, query or fragment' }
const postgresUrl: Rule = { rule: 'a PostgreSQL URL: postgresql://user:password@host:5432/database?sslmode=verify-full' }
const keySet: Rule = { rule: 'one or more keys as id:base64 of 32 bytes, separated by commas; ids differ and the first key seals' }
const oneOf = (...values: readonly string[]): Rule => ({ rule: `one of ${values.join(', ')}`, pattern: `^(${values.join('|')})$` })

const variable = (description: string, rule: Rule) => Type.Optional(Type.String({ description, ...rule }))
/** A value that may also come from the file that `NAME_FILE` names. */
const secret = (description: string, rule: Rule) => Type.Optional(Type.String({ description, ...rule, secret: true }))

/**
 * Every variable that the service knows, all of them optional here: which ones production needs is said in production.ts.
 * @see design, section 10
 */
export const environment = Type.Object({
  NODE_ENV: variable(
    'production refuses every development default; unset, development and test are the development profile.',
    oneOf('production', 'development', 'test'),
  ),
  LOG_LEVEL: variable('Smallest level that is logged.', oneOf(...logLevels)),

  HOST: variable('Address to listen on.', { rule: 'an IP address or a host name', pattern: '^[A-Za-z0-9.:_-]{1,253}$' }),
  PORT: variable('Port to listen on.', port),
  OPS_PORT: variable('Loopback port of /metrics and the detailed /health/ready.', port),
  TLS_CERT: variable('Certificate chain: PEM text or the path of a PEM file. Serves TLS 1.3.', {
    rule: 'a PEM certificate or the path of one',
  }),
  TLS_KEY: secret('Private key of TLS_CERT: PEM text or the path of a PEM file.', { rule: 'a PEM private key or the path of one' }),
  TRUST_PROXY: variable('Addresses and networks of the proxies whose X-Forwarded-For is believed.', {
    rule: 'a list of IP addresses, networks such as 10.0.0.0/8, or loopback, separated by commas, and never everybody',
  }),
  CORS_ORIGINS: variable('Origins of the portals.', {
    rule: 'a list of origins such as https://portal.example, separated by commas, without *',
  }),
  PUBLIC_URL: variable('Where clients reach the service, for links in mails and answers.', httpUrl),
  PUBLIC_DOCS: variable('Whether /docs and /openapi.json are served in production.', flag),

  DATA_DIR: variable('Directory of the embedded defaults; in production for nothing that must last.', { rule: 'a path' }),
  DATABASE_URL: secret('PostgreSQL as the runtime login, which owns nothing.', postgresUrl),
  DATABASE_MIGRATION_URL: secret('PostgreSQL as the owner, for migrations.', postgresUrl),
  DATABASE_BYPASS_URL: secret("PostgreSQL as the founder's read-only bypass; without it X-Agency: * answers 503.", postgresUrl),

  OIDC_ISSUER: variable('Issuer of the access tokens, discovered; unset: the development issuer.', httpUrl),
  OIDC_AUDIENCE: variable('Audience that tokens must name.', any),
  OIDC_TOKEN_TYPE: variable('Accepted typ of tokens, separated by commas.', { rule: 'at+jwt, JWT or both, separated by a comma' }),
  IDENTITY_ADMIN_URL: variable('Keycloak administration of the realm.', httpUrl),
  IDENTITY_ADMIN_CLIENT_ID: variable('Client of IDENTITY_ADMIN_URL.', any),
  IDENTITY_ADMIN_CLIENT_SECRET: secret('Secret of IDENTITY_ADMIN_CLIENT_ID.', any),

  UNLEASH_URL: variable('Unleash, with its /api path.', httpUrl),
  UNLEASH_API_TOKEN: secret('Backend token of Unleash.', any),
  FLAGS_FILE: variable('JSON file of flags where no Unleash is configured.', { rule: 'a path' }),

  REDIS_URL: secret('Redis or Valkey for limits and jobs of several instances.', { rule: 'a Redis URL: rediss://user:password@host:6379' }),

  S3_ENDPOINT: variable('S3-compatible store of documents.', httpUrl),
  S3_BUCKET: variable('Bucket of documents.', { rule: 'a bucket name', pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  S3_REGION: variable('Region of S3_BUCKET.', { rule: 'a region', pattern: '^[a-z0-9-]{1,40}$' }),
  S3_ACCESS_KEY_ID: secret('Access key of the store.', any),
  S3_SECRET_ACCESS_KEY: secret('Secret of the access key.', any),
  S3_FORCE_PATH_STYLE: variable('Whether the bucket stands in the path; most stores that are not Amazon need it.', flag),

  FIELD_KEYS: secret('Keys of encrypted fields.', keySet),
  INDEX_KEYS: secret('Keys of blind indexes.', keySet),
  DOCUMENT_KEYS: secret('Keys that wrap the keys of documents.', keySet),
  AUDIT_KEYS: secret('Keys of audit payloads.', keySet),
  AUDIT_SIGNING_KEY: secret('Ed25519 private key that signs the heads of the audit chain: PKCS #8 DER in base64, or PEM.', {
    rule: 'an Ed25519 private key: PKCS #8 DER in base64, or PEM',
  }),
  AUDIT_PUBLIC_KEYS: variable('Public keys of former AUDIT_SIGNING_KEYs, whose signatures still count.', {
    rule: 'raw Ed25519 public keys in base64, separated by commas',
  }),
  AUDIT_CHECKPOINTS: variable('Where signed heads are kept, outside the database: a directory, or s3://bucket/prefix with object lock.', {
    rule: 'a directory or s3://bucket/prefix',
  }),

  SMTP_URL: secret('Mail server.', { rule: 'a mail server URL: smtps://user:password@host:465, or smtp://...?requireTLS=true' }),
  MAIL_FROM: variable('Sender of mails.', {
    rule: 'an address such as Postern <no-reply@portal.example>',
    pattern: '^[^\\r\\n]*[^\\s<>@]+@[^\\s<>@]+>?$',
  }),
  CLAMD_HOST: variable('clamd that scans uploads.', { rule: 'host or host:port', pattern: '^[A-Za-z0-9._-]+(:[1-9]\\d{0,4})?$' }),

  APPOINTMENTS_FHIR: secret('FHIR R4 servers by agency; unset: the read model.', {
    rule: 'JSON: {"<agency id>": {"baseUrl": "https://...", "token": "..."}}',
  }),
  ADVISOR_URL: variable('OpenAI-compatible endpoint of the advisor; unset: retrieval over the texts of the service.', httpUrl),
  ADVISOR_API_KEY: secret('Key of ADVISOR_URL.', any),
  ADVISOR_MODEL: variable('Model of ADVISOR_URL.', any),
  ADVISOR_PHI: variable('Whether an agreement allows patient data at ADVISOR_URL.', oneOf('allowed', 'forbidden')),
  ADVISOR_POLICY_VERSION: variable('Version of the policy under which the advisor runs.', {
    rule: 'a version',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
  }),

  MESSAGING_LIMITS: variable('Limits of messaging writes.', { rule: 'user=30/60s,burst=10/10s,conversation=20/60s, or some of these' }),
  IP_LIMIT: variable('Requests per address, and of these the ones without a good token.', {
    rule: 'all=600/60s,anonymous=60/60s, or one of these',
  }),
  USER_LIMIT: variable('Requests per user.', { rule: 'a limit such as 300/60s' }),

  OTEL_EXPORTER_OTLP_ENDPOINT: variable('OTLP over HTTP; unset: no traces.', httpUrl),
  OTEL_EXPORTER_OTLP_HEADERS: secret('Headers of the trace exporter.', { rule: 'name=value, separated by commas' }),
  OTEL_SERVICE_NAME: variable('Name of the service in traces.', any),
  OTEL_TRACES_SAMPLER_ARG: variable('Share of new traces that are kept.', share),
})

export type Environment = Static<typeof environment>
export type Name = keyof Environment

export const names = Object.keys(environment.properties) as readonly Name[]

interface Facts {
  readonly description: string
  readonly rule: string
  readonly pattern?: string
  readonly secret?: boolean
}

/** What the schema says of one variable. */
export const factsOf = (name: Name): Facts => environment.properties[name] as unknown as Facts

/** Every name that the environment may use: the variables, and `NAME_FILE` of the secret ones. */
export const acceptedNames: readonly string[] = names.flatMap((name) => (factsOf(name).secret ? [name, `${name}_FILE`] : [name]))
