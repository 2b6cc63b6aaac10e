import type { Reader } from './reader.ts'
import type { Name } from './variables.ts'

/** What production must be told, why the default will not do, and what to set. @see design, section 10 */
const required: readonly (readonly [Name, string, string])[] = [
  ['DATABASE_URL', 'the embedded database is for development', "Set the runtime login's URL, with sslmode=verify-full."],
  ['OIDC_ISSUER', 'the development issuer gives tokens to anybody', 'Set the URL of your OIDC issuer.'],
  ['OIDC_AUDIENCE', 'the default audience is for development', 'Set the audience that your issuer puts into access tokens.'],
  [
    'IDENTITY_ADMIN_URL',
    'accounts would be kept by the development issuer',
    'Set the administration URL of your realm, with IDENTITY_ADMIN_CLIENT_ID and IDENTITY_ADMIN_CLIENT_SECRET.',
  ],
  ['REDIS_URL', 'limits kept in one process do not hold over several', 'Set the URL of Redis or Valkey, with rediss.'],
  ['S3_ENDPOINT', 'documents would lie in DATA_DIR', 'Set your object store, with S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.'],
  ['FIELD_KEYS', 'generated keys are for development', 'Set id:base64 of 32 random bytes.'],
  ['INDEX_KEYS', 'generated keys are for development', 'Set id:base64 of 32 random bytes.'],
  ['DOCUMENT_KEYS', 'generated keys are for development', 'Set id:base64 of 32 random bytes.'],
  ['AUDIT_KEYS', 'generated keys are for development', 'Set id:base64 of 32 random bytes.'],
  ['AUDIT_SIGNING_KEY', 'generated keys are for development', 'Set an Ed25519 private key.'],
  [
    'AUDIT_CHECKPOINTS',
    'signed heads would lie in DATA_DIR',
    'Set a directory that the database owner cannot write, or s3://bucket/prefix with object lock.',
  ],
  ['SMTP_URL', 'mail would be written to files', 'Set the URL of your mail server, with smtps.'],
  ['MAIL_FROM', 'the default sender is for development', 'Set the sender of mails.'],
  ['CLAMD_HOST', 'uploads would be accepted unscanned', 'Set the host of clamd.'],
  ['ADVISOR_POLICY_VERSION', 'the default policy is for development', 'Set the version of the policy that was approved.'],
  ['CORS_ORIGINS', 'the default allows every origin on loopback', 'Set the origins of your portals.'],
]

const encryptedUrls = [
  'OIDC_ISSUER',
  'IDENTITY_ADMIN_URL',
  'UNLEASH_URL',
  'S3_ENDPOINT',
  'ADVISOR_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'PUBLIC_URL',
] as const satisfies readonly Name[]

const refusePlain = (reader: Reader, name: Name, remedy: string): void => reader.refuse(name, 'is a plain connection', remedy)

/** `require` checks nothing but the presence of TLS in libpq, yet verifies in this driver; what it negotiates away is refused. */
const databaseIsEncrypted = (text: string): boolean => {
  const query = new URL(text).searchParams
  const modes = query.getAll('sslmode')
  const weakened = query.has('ssl') || query.has('uselibpqcompat') || query.has('host')
  return modes.length === 1 && ['require', 'verify-ca', 'verify-full'].includes(modes[0]!) && !weakened
}

const mailIsEncrypted = (text: string): boolean => {
  const url = new URL(text)
  const verified = !url.searchParams.has('ignoreTLS') && !url.searchParams.has('tls.rejectUnauthorized')
  return verified && (url.protocol === 'smtps:' || url.searchParams.get('requireTLS') === 'true')
}

const refuseUnsafeConnections = (reader: Reader): void => {
  const parsed = (name: Name): string | undefined => {
    const text = reader.text(name)
    return text !== undefined && URL.canParse(text) ? text : undefined
  }
  for (const name of ['DATABASE_URL', 'DATABASE_MIGRATION_URL', 'DATABASE_BYPASS_URL'] as const) {
    const url = parsed(name)
    if (url && !databaseIsEncrypted(url)) refusePlain(reader, name, 'Add sslmode=verify-full, and nothing that weakens it.')
  }
  const [runtime, owner] = [parsed('DATABASE_URL'), parsed('DATABASE_MIGRATION_URL')]
  if (runtime && owner && new URL(runtime).username === new URL(owner).username) {
    reader.refuse('DATABASE_URL', 'names the login of DATABASE_MIGRATION_URL', 'Let the service run under a login that owns nothing.')
  }
  const redis = parsed('REDIS_URL')
  if (redis && !redis.startsWith('rediss:')) refusePlain(reader, 'REDIS_URL', 'Use rediss.')
  const smtp = parsed('SMTP_URL')
  if (smtp && !mailIsEncrypted(smtp)) refusePlain(reader, 'SMTP_URL', 'Use smtps, or add requireTLS=true.')
  for (const name of encryptedUrls) {
    if (parsed(name)?.startsWith('http:')) refusePlain(reader, name, 'Use https.')
  }
  if (/"http:/i.test(reader.text('APPOINTMENTS_FHIR') ?? '')) refusePlain(reader, 'APPOINTMENTS_FHIR', 'Use https base URLs.')
  if (/(^|,)\s*http:/.test(reader.text('CORS_ORIGINS') ?? '')) refusePlain(reader, 'CORS_ORIGINS', 'Use https origins.')
}

/** Refuses, each by its name, every development default and every connection that is not encrypted. */
export const refuseDevelopmentDefaults = (reader: Reader): void => {
  for (const [name, problem, remedy] of required) {
    if (!reader.isSet(name)) reader.refuse(name, `is missing: ${problem}`, remedy)
  }
  if (!reader.isSet('UNLEASH_URL') && !reader.isSet('FLAGS_FILE')) {
    reader.refuse('UNLEASH_URL', 'is missing: there would be no source of flags', 'Set it with UNLEASH_API_TOKEN, or set FLAGS_FILE.')
  }
  if (!reader.isSet('TLS_CERT') && !reader.isSet('TRUST_PROXY')) {
    reader.refuse(
      'TLS_CERT',
      'is missing: tokens and records would travel in the clear',
      'Set it with TLS_KEY, or set TRUST_PROXY where a proxy ends TLS.',
    )
  }
  refuseUnsafeConnections(reader)
}
