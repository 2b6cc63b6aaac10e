import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ipLimits, messagingLimits, parseLimits, parseUserLimit, userLimit } from '../limits.ts'
import type { AdvisorConfig, AppConfig, AppLimits, CheckpointsConfig, DatabaseConfig, FlagsConfig, IdentityConfig } from './app-config.ts'
import type { KeysConfig, LogLevel, MailConfig, ServerConfig, StorageConfig, TracingConfig } from './app-config.ts'
import * as parse from './parse.ts'
import type { Reader } from './reader.ts'
import type { Name } from './variables.ts'

const plainText = (text: string): string => text

/** Variables that make sense only together: the first one set names the rest. */
const together = (reader: Reader, ...group: readonly Name[]): boolean => {
  const present = group.filter((name) => reader.isSet(name))
  if (present.length === 0) return false
  for (const name of group) {
    if (!present.includes(name)) reader.refuse(name, `is missing beside ${present[0]}`, `Set it, or unset ${present.join(', ')}.`)
  }
  return true
}

const pemOf =
  (label: RegExp): parse.Parser<string> =>
  (text) => {
    const read = (): string => {
      try {
        return readFileSync(text, 'utf8')
      } catch {
        return ''
      }
    }
    const pem = text.includes('-----BEGIN') ? text : read()
    return label.test(pem) ? pem : undefined
  }

const serverOf = (reader: Reader): ServerConfig => {
  const tls = together(reader, 'TLS_CERT', 'TLS_KEY')
  const port = Number(reader.text('PORT') ?? '3000')
  const opsPort = reader.read('OPS_PORT', Number) ?? null
  if (port !== 0 && port === opsPort) reader.refuse('OPS_PORT', 'is the same as PORT', 'Choose another port.')
  return {
    host: reader.text('HOST') ?? '127.0.0.1',
    port,
    opsPort,
    tls: tls
      ? {
          cert: reader.read('TLS_CERT', pemOf(/-----BEGIN CERTIFICATE-----/)) ?? '',
          key: reader.read('TLS_KEY', pemOf(/-----BEGIN [A-Z ]*PRIVATE KEY-----/)) ?? '',
          minVersion: 'TLSv1.3',
        }
      : null,
    trustProxy: reader.read('TRUST_PROXY', parse.proxies) ?? null,
    corsOrigins: reader.read('CORS_ORIGINS', parse.origins) ?? 'loopback',
    publicUrl: reader.read('PUBLIC_URL', parse.httpUrl) ?? null,
    publicDocs: reader.text('PUBLIC_DOCS') === 'true',
  }
}

const databaseOf = (reader: Reader, dataDir: string): DatabaseConfig => {
  const url = reader.read('DATABASE_URL', parse.postgresUrl)
  const migrationUrl = reader.read('DATABASE_MIGRATION_URL', parse.postgresUrl) ?? null
  const bypassUrl = reader.read('DATABASE_BYPASS_URL', parse.postgresUrl) ?? null
  if (!reader.isSet('DATABASE_URL') && (migrationUrl || bypassUrl)) {
    reader.refuse(
      'DATABASE_URL',
      'is missing beside the URLs of other logins',
      'Set it, or unset DATABASE_MIGRATION_URL and DATABASE_BYPASS_URL.',
    )
  }
  return url === undefined ? { kind: 'embedded', directory: join(dataDir, 'postgres') } : { kind: 'server', url, migrationUrl, bypassUrl }
}

const identityOf = (reader: Reader): IdentityConfig => ({
  issuer: reader.read('OIDC_ISSUER', parse.httpUrl) ?? null,
  audience: reader.text('OIDC_AUDIENCE') ?? 'postern',
  tokenTypes: reader.read('OIDC_TOKEN_TYPE', parse.types) ?? ['at+jwt'],
  admin: together(reader, 'IDENTITY_ADMIN_URL', 'IDENTITY_ADMIN_CLIENT_ID', 'IDENTITY_ADMIN_CLIENT_SECRET')
    ? {
        url: reader.read('IDENTITY_ADMIN_URL', parse.httpUrl) ?? '',
        clientId: reader.text('IDENTITY_ADMIN_CLIENT_ID') ?? '',
        clientSecret: reader.text('IDENTITY_ADMIN_CLIENT_SECRET') ?? '',
      }
    : null,
})

const flagsOf = (reader: Reader, dataDir: string): FlagsConfig => {
  if (!together(reader, 'UNLEASH_URL', 'UNLEASH_API_TOKEN')) {
    const path = reader.text('FLAGS_FILE')
    return { kind: 'file', path: path === undefined ? join(dataDir, 'flags.json') : resolve(path) }
  }
  if (reader.isSet('FLAGS_FILE')) reader.refuse('FLAGS_FILE', 'is set beside UNLEASH_URL', 'Keep one source of flags.')
  return { kind: 'unleash', url: reader.read('UNLEASH_URL', parse.httpUrl) ?? '', apiToken: reader.text('UNLEASH_API_TOKEN') ?? '' }
}

const storageOf = (reader: Reader, dataDir: string): StorageConfig => {
  if (!together(reader, 'S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY')) {
    return { kind: 'files', directory: join(dataDir, 'documents') }
  }
  return {
    kind: 's3',
    endpoint: reader.read('S3_ENDPOINT', parse.httpUrl) ?? '',
    bucket: reader.text('S3_BUCKET') ?? '',
    region: reader.text('S3_REGION') ?? 'us-east-1',
    accessKeyId: reader.text('S3_ACCESS_KEY_ID') ?? '',
    secretAccessKey: reader.text('S3_SECRET_ACCESS_KEY') ?? '',
    forcePathStyle: reader.text('S3_FORCE_PATH_STYLE') === 'true',
  }
}

const keysOf = (reader: Reader, dataDir: string): KeysConfig => {
  const keySets = { fields: 'FIELD_KEYS', index: 'INDEX_KEYS', documents: 'DOCUMENT_KEYS', audit: 'AUDIT_KEYS' } as const
  const holders = new Map<string, string>()
  const setOf = (name: (typeof keySets)[keyof typeof keySets]) => {
    const set = reader.read(name, parse.keySet) ?? null
    for (const { key } of set ?? []) {
      const holder = holders.get(key.toString('base64'))
      if (holder) reader.refuse(name, `holds a key that ${holder} also holds`, 'Key sets are separate: make a key of its own for each.')
      holders.set(key.toString('base64'), name)
    }
    return set
  }
  return {
    fields: setOf(keySets.fields),
    index: setOf(keySets.index),
    documents: setOf(keySets.documents),
    audit: setOf(keySets.audit),
    auditSigning: reader.read('AUDIT_SIGNING_KEY', parse.signingKey) ?? null,
    generateIn: join(dataDir, 'keys'),
  }
}

const checkpointsOf = (reader: Reader, dataDir: string): CheckpointsConfig => {
  const place = reader.text('AUDIT_CHECKPOINTS')
  if (!place?.startsWith('s3:'))
    return { kind: 'directory', directory: place === undefined ? join(dataDir, 'checkpoints') : resolve(place) }
  const parts = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(?:\/|$)){0,8}))?$/.exec(place)
  if (!parts) reader.refuse('AUDIT_CHECKPOINTS', 'is not understood', 'It must be a directory or s3://bucket/prefix.')
  else if (!reader.isSet('S3_ENDPOINT')) reader.refuse('AUDIT_CHECKPOINTS', 'names a bucket but there is no store', 'Set S3_ENDPOINT.')
  return { kind: 's3', bucket: parts?.[1] ?? '', prefix: parts?.[2]?.replace(/\/$/, '') ?? '' }
}

const mailOf = (reader: Reader, dataDir: string): MailConfig => {
  const from = reader.text('MAIL_FROM') ?? 'Postern <no-reply@postern.invalid>'
  const url = reader.read('SMTP_URL', parse.smtpUrl)
  return url === undefined ? { kind: 'files', directory: join(dataDir, 'mail'), from } : { kind: 'smtp', url, from }
}

const advisorOf = (reader: Reader): AdvisorConfig => ({
  upstream: together(reader, 'ADVISOR_URL', 'ADVISOR_MODEL')
    ? {
        url: reader.read('ADVISOR_URL', parse.httpUrl) ?? '',
        apiKey: reader.text('ADVISOR_API_KEY') ?? null,
        model: reader.text('ADVISOR_MODEL') ?? '',
      }
    : null,
  phiAllowed: reader.text('ADVISOR_PHI') === 'allowed',
  policyVersion: reader.text('ADVISOR_POLICY_VERSION') ?? 'dev-1',
})

const limitsOf = (reader: Reader): AppLimits => ({
  messaging: reader.read('MESSAGING_LIMITS', (text) => parseLimits(text, messagingLimits)) ?? messagingLimits,
  ip: reader.read('IP_LIMIT', (text) => parseLimits(text, ipLimits)) ?? ipLimits,
  user: reader.read('USER_LIMIT', parseUserLimit) ?? userLimit,
})

const tracingOf = (reader: Reader): TracingConfig | null => {
  const endpoint = reader.read('OTEL_EXPORTER_OTLP_ENDPOINT', parse.httpUrl)
  const headers = reader.read('OTEL_EXPORTER_OTLP_HEADERS', parse.headers) ?? {}
  const serviceName = reader.read('OTEL_SERVICE_NAME', plainText) ?? 'postern'
  const sampleRatio = Number(reader.text('OTEL_TRACES_SAMPLER_ARG') ?? '1')
  return endpoint === undefined ? null : { endpoint, headers, serviceName, sampleRatio }
}

/** Turns the variables into the configuration; what is wrong is told to the reader and the result is then of no use. */
export const shape = (reader: Reader): AppConfig => {
  const dataDir = resolve(reader.text('DATA_DIR') ?? '.data')
  return {
    profile: reader.text('NODE_ENV') === 'production' ? 'production' : 'development',
    logLevel: (reader.text('LOG_LEVEL') ?? 'info') as LogLevel,
    server: serverOf(reader),
    dataDir,
    database: databaseOf(reader, dataDir),
    identity: identityOf(reader),
    flags: flagsOf(reader, dataDir),
    redisUrl: reader.read('REDIS_URL', parse.redisUrl) ?? null,
    storage: storageOf(reader, dataDir),
    keys: keysOf(reader, dataDir),
    checkpoints: checkpointsOf(reader, dataDir),
    auditPublicKeys: reader.read('AUDIT_PUBLIC_KEYS', parse.publicKeys) ?? [],
    mail: mailOf(reader, dataDir),
    clamd: reader.read('CLAMD_HOST', parse.hostAndPort(3310)) ?? null,
    appointmentsFhir: reader.read('APPOINTMENTS_FHIR', parse.fhirUpstreams) ?? {},
    advisor: advisorOf(reader),
    limits: limitsOf(reader),
    tracing: tracingOf(reader),
  }
}
