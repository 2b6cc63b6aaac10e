import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createAuthority } from './certificates.ts'

/** The services of compose.yaml that speak TLS, with the names under which they are asked. */
const served: Readonly<Record<string, readonly [string, ...string[]]>> = {
  postern: ['postern', 'localhost', '127.0.0.1'],
  postgres: ['postgres'],
  valkey: ['valkey'],
  keycloak: ['keycloak'],
  flags: ['flags'],
  s3: ['s3'],
  mail: ['mail'],
}

const secret = (): string => randomBytes(24).toString('base64url')
const keySet = (): string => `trial-1:${randomBytes(32).toString('base64')}`
const database = (login: string, password: string): string => `postgresql://${login}:${password}@postgres:5432/postern?sslmode=verify-full`

const secrets = (): Record<string, string> => {
  const [owner, app, bypass, valkey] = [secret(), secret(), secret(), secret()]
  return {
    'postgres-password': secret(),
    'owner-password': owner,
    'app-password': app,
    'bypass-password': bypass,
    'valkey-password': valkey,
    'unleash-password': secret(),
    'keycloak-admin': secret(),
    DATABASE_URL: database('postern_app', app),
    DATABASE_BYPASS_URL: database('postern_bypass', bypass),
    DATABASE_MIGRATION_URL: database('postern_owner', owner),
    IDENTITY_ADMIN_CLIENT_SECRET: secret(),
    UNLEASH_API_TOKEN: `default:development.${randomBytes(24).toString('hex')}`,
    REDIS_URL: `rediss://default:${valkey}@valkey:6379`,
    S3_ACCESS_KEY_ID: randomBytes(10).toString('hex'),
    S3_SECRET_ACCESS_KEY: secret(),
    FIELD_KEYS: keySet(),
    INDEX_KEYS: keySet(),
    DOCUMENT_KEYS: keySet(),
    AUDIT_KEYS: keySet(),
    AUDIT_SIGNING_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    SMTP_URL: `smtps://postern:${secret()}@mail:465`,
  }
}

/** Makes a certificate authority, the services' certificates and every secret of a trial run, as files that their owner alone may list. */
export const prepare = (folder: string): void => {
  const authority = createAuthority('Postern trial run')
  const files: Record<string, string> = { 'ca.pem': authority.cert, ...secrets() }
  for (const [service, hosts] of Object.entries(served)) {
    const { cert, key } = authority.certificateFor(...hosts)
    files[`${service}.crt`] = cert
    files[`${service}.key`] = key
  }
  // Containers read them as users of their own: the folder is closed, the files in it are not.
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o644 })
}

if (import.meta.main) {
  const folder = resolve(import.meta.dirname, '../../.data/production')
  prepare(folder)
  process.stdout.write(`Certificates and secrets for thirty days are in ${folder}.\n`)
}
