import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { ConfigError, loadConfig } from '../../config/env.ts'
import { distance, nearMisses } from '../../config/env/near-miss.ts'
import { acceptedNames, factsOf, names } from '../../config/env/variables.ts'
import { completeKeys } from '../../plugins/dev/generated-secrets.ts'

const key = (id: string, first: number): string =>
  `${id}:${Buffer.from(Array.from({ length: 32 }, (_, i) => (first + i) % 256)).toString('base64')}`
const publicKey = (first: number): string => key('', first).slice(1)
const signing = generateKeyPairSync('ed25519').privateKey
const signingDer = signing.export({ type: 'pkcs8', format: 'der' }).toString('base64')

/** A production environment in which nothing is wrong. */
const production: Record<string, string> = {
  NODE_ENV: 'production',
  TRUST_PROXY: '10.0.0.0/8',
  CORS_ORIGINS: 'https://portal.example',
  DATABASE_URL: 'postgresql://postern_app:pw@db.example:5432/postern?sslmode=verify-full',
  OIDC_ISSUER: 'https://keycloak.example/realms/portals',
  OIDC_AUDIENCE: 'postern',
  IDENTITY_ADMIN_URL: 'https://keycloak.example/admin/realms/portals',
  IDENTITY_ADMIN_CLIENT_ID: 'postern',
  IDENTITY_ADMIN_CLIENT_SECRET: 'pw',
  UNLEASH_URL: 'https://unleash.example/api',
  UNLEASH_API_TOKEN: 'token',
  REDIS_URL: 'rediss://:pw@redis.example:6379',
  S3_ENDPOINT: 'https://s3.example',
  S3_BUCKET: 'documents',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'pw',
  FIELD_KEYS: key('f1', 1),
  INDEX_KEYS: key('i1', 2),
  DOCUMENT_KEYS: key('d1', 3),
  AUDIT_KEYS: key('a1', 4),
  AUDIT_SIGNING_KEY: signingDer,
  AUDIT_CHECKPOINTS: 's3://checkpoints/heads',
  SMTP_URL: 'smtps://u:pw@mail.example:465',
  MAIL_FROM: 'no-reply@portal.example',
  CLAMD_HOST: 'clamd.example',
  ADVISOR_POLICY_VERSION: '2026-01',
}

const problemsOf = (env: Record<string, string | undefined>): ConfigError['problems'] => {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
const refused = (env: Record<string, string | undefined>): string[] => problemsOf(env).map(({ variable }) => variable)

t.test('an empty environment is the development profile', async (t) => {
  const config = loadConfig({})
  const dataDir = resolve('.data')
  t.match(config, {
    profile: 'development',
    logLevel: 'info',
    dataDir,
    server: {
      host: '127.0.0.1',
      port: 3000,
      opsPort: null,
      tls: null,
      trustProxy: null,
      corsOrigins: 'loopback',
      publicUrl: null,
      publicDocs: false,
    },
    database: { kind: 'embedded', directory: join(dataDir, 'postgres') },
    identity: { issuer: null, audience: 'postern', tokenTypes: ['at+jwt'], admin: null },
    flags: { kind: 'file', path: join(dataDir, 'flags.json') },
    redisUrl: null,
    storage: { kind: 'files', directory: join(dataDir, 'documents') },
    checkpoints: { kind: 'directory', directory: join(dataDir, 'checkpoints') },
    auditPublicKeys: [],
    mail: { kind: 'files', directory: join(dataDir, 'mail') },
    clamd: null,
    appointmentsFhir: {},
    advisor: { upstream: null, phiAllowed: false, policyVersion: 'dev-1' },
    tracing: null,
  })
  t.same(Object.values(config.keys), [null, null, null, null, null, join(dataDir, 'keys')])
  for (const NODE_ENV of ['test', 'development', '']) t.equal(loadConfig({ NODE_ENV }).profile, 'development')
})

t.test('every part can be set', async (t) => {
  const config = loadConfig({
    ...production,
    LOG_LEVEL: 'warn',
    HOST: '0.0.0.0',
    PORT: '8443',
    OPS_PORT: '9464',
    CORS_ORIGINS: 'https://portal.example, https://admin.example:8443',
    TRUST_PROXY: '10.0.0.0/8, loopback,fd00::/8,192.0.2.7',
    PUBLIC_URL: 'https://api.example/',
    PUBLIC_DOCS: 'true',
    DATABASE_MIGRATION_URL: 'postgres://postern_owner:pw@db.example/postern?sslmode=require',
    DATABASE_BYPASS_URL: 'postgres://postern_bypass:pw@db.example/postern?sslmode=verify-ca',
    OIDC_TOKEN_TYPE: 'at+jwt,JWT',
    S3_REGION: 'eu-central-1',
    S3_FORCE_PATH_STYLE: 'true',
    FIELD_KEYS: `${key('new', 50)}, ${key('old', 90)}`,
    AUDIT_SIGNING_KEY: String(signing.export({ type: 'pkcs8', format: 'pem' })),
    AUDIT_PUBLIC_KEYS: `${publicKey(7)}, ${publicKey(8)}`,
    AUDIT_CHECKPOINTS: 's3://checkpoints/of/heads/',
    SMTP_URL: 'smtp://mail.example:587?requireTLS=true',
    CLAMD_HOST: 'clamd.example:3311',
    APPOINTMENTS_FHIR: '{"01890000-0000-7000-8000-000000000001":{"baseUrl":"https://fhir.example/r4/","token":"pw"}}',
    ADVISOR_URL: 'https://advisor.example/v1',
    ADVISOR_MODEL: 'm',
    ADVISOR_PHI: 'allowed',
    MESSAGING_LIMITS: 'burst=3/5s',
    IP_LIMIT: 'all=10/1m,anonymous=2/1m',
    USER_LIMIT: '5/1h',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.example:4318',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer x y,x-tenant=a',
    OTEL_SERVICE_NAME: 'bff',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  })
  t.match(config, {
    profile: 'production',
    logLevel: 'warn',
    server: { port: 8443, opsPort: 9464, publicUrl: 'https://api.example', publicDocs: true },
    database: { kind: 'server', migrationUrl: /postern_owner/, bypassUrl: /postern_bypass/ },
    identity: { issuer: 'https://keycloak.example/realms/portals', tokenTypes: ['at+jwt', 'JWT'], admin: { clientId: 'postern' } },
    flags: { kind: 'unleash', apiToken: 'token' },
    storage: { kind: 's3', region: 'eu-central-1', forcePathStyle: true },
    checkpoints: { kind: 's3', bucket: 'checkpoints', prefix: 'of/heads' },
    auditPublicKeys: [publicKey(7), publicKey(8)],
    clamd: { host: 'clamd.example', port: 3311 },
    appointmentsFhir: { '01890000-0000-7000-8000-000000000001': { baseUrl: 'https://fhir.example/r4', token: 'pw' } },
    advisor: { upstream: { model: 'm', apiKey: null }, phiAllowed: true, policyVersion: '2026-01' },
    limits: { messaging: { user: { max: 30 }, burst: { max: 3, windowMs: 5000 } }, user: { max: 5, windowMs: 3_600_000 } },
    tracing: { headers: { authorization: 'Bearer x y', 'x-tenant': 'a' }, serviceName: 'bff', sampleRatio: 0.25 },
  })
  t.same(config.server.corsOrigins, ['https://portal.example', 'https://admin.example:8443'])
  t.same(config.server.trustProxy, ['10.0.0.0/8', 'loopback', 'fd00::/8', '192.0.2.7'])
  t.same(
    config.keys.fields?.map(({ id, key }) => [id, key.length, key[0]]),
    [
      ['new', 32, 50],
      ['old', 32, 90],
    ],
  )
  t.equal(config.keys.auditSigning, signingDer, 'PEM is taken as DER')
})

t.test('production refuses every development default by name', async (t) => {
  t.same(refused(production), [], 'the whole environment is accepted')
  const defaults = names.filter((name) => name in production && name !== 'NODE_ENV')
  for (const name of defaults) {
    const without = { ...production, [name]: undefined }
    if (name === 'TRUST_PROXY') t.same(refused(without), ['TLS_CERT'], 'neither TLS nor a proxy')
    else t.ok(refused(without).includes(name), `${name} is named`)
  }
  t.same(refused({ ...production, UNLEASH_URL: undefined, UNLEASH_API_TOKEN: undefined }), ['UNLEASH_URL'], 'no source of flags')
  t.same(refused({ ...production, UNLEASH_URL: undefined, UNLEASH_API_TOKEN: undefined, FLAGS_FILE: '/etc/flags.json' }), [])
  t.equal(refused({ NODE_ENV: 'production' }).length, 19, 'one start tells everything')
})

t.test('production refuses plain connections by name', async (t) => {
  const plain: Record<string, string[]> = {
    DATABASE_URL: [
      '',
      '?sslmode=prefer',
      '?sslmode=disable',
      '?sslmode=no-verify',
      '?sslmode=require&sslmode=disable',
      '?sslmode=require&ssl=0',
      '?sslmode=require&uselibpqcompat=true',
    ].map((query) => `postgresql://a:pw@db.example/postern${query}`),
    DATABASE_MIGRATION_URL: ['postgresql://o:pw@db.example/postern'],
    DATABASE_BYPASS_URL: ['postgresql://b:pw@127.0.0.1/postern'],
    REDIS_URL: ['redis://redis.example:6379'],
    SMTP_URL: ['smtp://mail.example:587', 'smtp://mail.example:587?requireTLS=false', 'smtps://mail.example?tls.rejectUnauthorized=false'],
    S3_ENDPOINT: ['http://s3.example'],
    OIDC_ISSUER: ['http://keycloak.example/realms/portals'],
    IDENTITY_ADMIN_URL: ['http://keycloak.example/admin'],
    UNLEASH_URL: ['http://unleash.example/api'],
    CORS_ORIGINS: ['http://portal.example', 'https://portal.example,http://admin.example'],
    APPOINTMENTS_FHIR: ['{"01890000-0000-7000-8000-000000000001":{"baseUrl":"http://fhir.example/r4"}}'],
    PUBLIC_URL: ['http://api.example'],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['http://otel.example:4318'],
  }
  for (const [name, values] of Object.entries(plain)) {
    for (const value of values) {
      t.same(refused({ ...production, [name]: value }), [name], `${name} ${value.replace(/.*[?]/, '?')}`)
      t.same(
        refused({ [name]: value, ...(name === 'UNLEASH_URL' ? { UNLEASH_API_TOKEN: 't' } : {}) }).filter((other) => other === name),
        [],
        'development takes it',
      )
    }
  }
  const trusting = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  t.same(refused({ ...production, ...trusting }), Object.keys(trusting), 'nor may Node be told to believe every certificate')
  t.same(refused({ ...production, NODE_TLS_REJECT_UNAUTHORIZED: '1' }), [])
  const ownerToo = { ...production, DATABASE_MIGRATION_URL: production['DATABASE_URL'] }
  t.same(refused(ownerToo), ['DATABASE_URL'], 'the service does not run as the owner')
})

t.test('a value that is not understood is refused by name', async (t) => {
  const bad: Record<string, string[]> = {
    NODE_ENV: ['prod', 'Production'],
    LOG_LEVEL: ['loud'],
    HOST: ['a b'],
    PORT: ['abc', '-1', '65536', '3000.5', '0x10', ' 3000'],
    TRUST_PROXY: ['true', '1', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.0/8/8', 'proxy.example', '*', ''.padEnd(1, ',')],
    CORS_ORIGINS: ['*', 'null', 'https://portal.example/', 'portal.example', 'https://*.example', 'https://a.example,https://a.example'],
    PUBLIC_URL: ['ftp://a.example', 'https://u:p@a.example', 'https://a.example?x=1', 'nonsense'],
    PUBLIC_DOCS: ['yes', 'TRUE'],
    DATABASE_URL: ['mysql://db/x', 'postgresql://db.example', 'nonsense'],
    OIDC_TOKEN_TYPE: ['jwt', 'JWT,JWT'],
    REDIS_URL: ['http://redis.example', 'redis'],
    S3_BUCKET: ['Upper', 'a'],
    FIELD_KEYS: [
      'k1',
      'k1:short',
      key('k', 1).slice(0, -4),
      `${key('k', 1)},${key('k', 2)}`,
      `k:${Buffer.alloc(32).toString('base64')}`,
      `${key('k', 1)},`,
    ],
    AUDIT_SIGNING_KEY: [
      'nonsense',
      Buffer.alloc(48).toString('base64'),
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    ],
    AUDIT_PUBLIC_KEYS: [
      'nonsense',
      publicKey(1).slice(0, 40),
      `${publicKey(1)},`,
      `${publicKey(1)},${publicKey(1)}`,
      Buffer.alloc(32).toString('base64'),
    ],
    AUDIT_CHECKPOINTS: ['s3://', 's3://UPPER/x', 's3://heads/../x', 's3://heads//x', 's3://heads/a b', 's3://heads/x?y'],
    SMTP_URL: ['mail.example', 'http://mail.example'],
    MAIL_FROM: ['nobody', 'a@b.example\nBcc: c@d.example'],
    CLAMD_HOST: ['a b', 'clamd:99999', 'clamd:0'],
    APPOINTMENTS_FHIR: [
      'nonsense',
      '[]',
      '"x"',
      '{"riverside":{"baseUrl":"https://f.example"}}',
      '{"01890000-0000-7000-8000-000000000001":{"baseUrl":"x"}}',
      '{"01890000-0000-7000-8000-000000000001":{"baseUrl":"https://f.example","more":1}}',
      '{"01890000-0000-7000-8000-000000000001":[]}',
    ],
    ADVISOR_PHI: ['yes'],
    MESSAGING_LIMITS: [
      '30/60s',
      'user=0/60s',
      'user=30/60',
      'users=30/60s',
      'user=1/1s,user=2/1s',
      'user=-1/60s',
      'user=30/25h',
      ',',
      'user=9999999/1s',
    ],
    IP_LIMIT: ['600/60s', 'toString=1/1s'],
    USER_LIMIT: ['300', '300/60s,400/60s', 'user=300/60s'],
    OTEL_EXPORTER_OTLP_HEADERS: ['authorization', 'a=b\nc'],
    OTEL_TRACES_SAMPLER_ARG: ['2', '-0.5', 'all'],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) t.ok(refused({ [name]: value }).includes(name), `${name}=${JSON.stringify(value).slice(0, 60)}`)
  }
})

t.test('settings that contradict one another are refused', async (t) => {
  t.same(refused({ UNLEASH_URL: 'http://u.example/api' }), ['UNLEASH_API_TOKEN'])
  t.same(refused({ UNLEASH_URL: 'http://u.example/api', UNLEASH_API_TOKEN: 't', FLAGS_FILE: 'f' }), ['FLAGS_FILE'])
  t.same(refused({ S3_BUCKET: 'documents' }).sort(), ['S3_ACCESS_KEY_ID', 'S3_ENDPOINT', 'S3_SECRET_ACCESS_KEY'])
  t.same(refused({ TLS_CERT: '/nowhere' }).sort(), ['TLS_CERT', 'TLS_KEY'])
  t.same(refused({ DATABASE_BYPASS_URL: 'postgres://b@db/x' }), ['DATABASE_URL'])
  t.same(refused({ PORT: '3000', OPS_PORT: '3000' }), ['OPS_PORT'])
  t.same(refused({ PORT: '0', OPS_PORT: '0' }), [], 'two free ports differ')
  t.same(refused({ AUDIT_CHECKPOINTS: 's3://heads' }), ['AUDIT_CHECKPOINTS'], 'a bucket without a store')
  t.same(refused({ FIELD_KEYS: key('a', 7), AUDIT_KEYS: key('b', 7) }), ['AUDIT_KEYS'], 'key sets are separate')
})

t.test('a misspelt name is refused, a stranger is not', async (t) => {
  const misspelt: Record<string, string> = {
    DATABASE_URI: 'DATABASE_URL',
    REDISURL: 'REDIS_URL',
    OIDC_ISUSER: 'OIDC_ISSUER',
    database_url: 'DATABASE_URL',
    CORS_ORIGIN: 'CORS_ORIGINS',
    TRUSTPROXY: 'TRUST_PROXY',
    FIELD_KEY_FILE: 'FIELD_KEYS_FILE',
    MESSAGING_LIMIT: 'MESSAGING_LIMITS',
  }
  for (const [name, meant] of Object.entries(misspelt))
    t.match(problemsOf({ [name]: 'x' }), [{ variable: name, remedy: `Did you mean ${meant}?` }])
  for (const name of ['POSTERN_PORT', 'OIDC_CLIENT_NAME', 'ADVISOR_TEMPERATURE']) t.same(refused({ [name]: 'x' }), [name])
  const strangers = [
    'PATH',
    'HOME',
    'HOSTNAME',
    'POST',
    'PWD',
    'LANG',
    'SHELL',
    'TERM',
    'SSL_CERT_FILE',
    'NODE_OPTIONS',
    'NODE_COMPILE_CACHE',
    'PGHOST',
    'OTEL_RESOURCE_ATTRIBUTES',
    'AWS_REGION',
    'npm_config_cache',
    'npm_package_name',
    'KUBERNETES_PORT',
    'CI',
    'INIT_CWD',
    'COLOR',
    'EDITOR',
    'LOGNAME',
    'USER',
    '_',
  ]
  t.same(nearMisses(Object.fromEntries(strangers.map((name) => [name, 'x']))), [])
  t.same(
    nearMisses({ CLAMD_PORT: 'tcp://10.0.0.1:3310', UNLEASH_SERVICE_HOST: '10.0.0.2', UNLEASH_PORT_4242_TCP: 'tcp://10.0.0.2:4242' }),
    [],
    'neighbours on a container platform',
  )
  t.match(nearMisses({ CLAMD_PORT: '3310' }), [{ meant: 'CLAMD_HOST' }])
  t.same(nearMisses({ DATABASE_URI: '' }), [], 'an empty value is unset')
  t.same(nearMisses(Object.fromEntries(acceptedNames.map((name) => [name, 'x']))), [])
  t.same(
    [
      distance('abcd', 'abdc', 2),
      distance('abcd', 'abcd', 2),
      distance('abcd', 'xyzw', 2),
      distance('a', 'abcd', 2),
      distance('kitten', 'sitting', 3),
    ],
    [1, 0, 3, 3, 3],
  )
})

t.test('secrets come from files', async (t) => {
  const directory = t.testdir({ url: 'postgres://app:pw@db/postern\n', empty: '', key: key('k', 1) })
  t.match(loadConfig({ DATABASE_URL_FILE: join(directory, 'url'), FIELD_KEYS_FILE: join(directory, 'key') }), {
    database: { kind: 'server', url: 'postgres://app:pw@db/postern' },
    keys: { fields: [{ id: 'k' }] },
  })
  t.match(problemsOf({ DATABASE_URL_FILE: join(directory, 'absent') }), [{ variable: 'DATABASE_URL_FILE' }])
  t.match(problemsOf({ DATABASE_URL_FILE: join(directory, 'empty') }), [{ variable: 'DATABASE_URL_FILE' }])
  t.match(problemsOf({ DATABASE_URL_FILE: join(directory, 'url'), DATABASE_URL: 'postgres://b/c' }), [
    { variable: 'DATABASE_URL', problem: /twice/ },
  ])
  t.same(refused({ PORT_FILE: join(directory, 'url') }), [], 'too short a name to be surely meant for us')
  const fromFiles = Object.entries(production).map(([name, value]) => {
    if (!factsOf(name as (typeof names)[number]).secret) return [name, value]
    writeFileSync(join(directory, name), value)
    return [`${name}_FILE`, join(directory, name)]
  })
  t.same(refused(Object.fromEntries(fromFiles)), [], 'production runs on files alone')
})

t.test('TLS from paths and from texts', async (t) => {
  const directory = t.testdir({})
  const args = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'cert.pem']
  try {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore', timeout: 10_000 })
  } catch {
    writeFileSync(join(directory, 'cert.pem'), '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n')
    writeFileSync(join(directory, 'key.pem'), '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n')
  }
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(directory, name), 'utf8'))
  const expected = { cert, key, minVersion: 'TLSv1.3' }
  t.match(loadConfig({ TLS_CERT: join(directory, 'cert.pem'), TLS_KEY: join(directory, 'key.pem') }).server.tls, expected)
  t.match(loadConfig({ TLS_CERT: cert, TLS_KEY_FILE: join(directory, 'key.pem') }).server.tls, { ...expected, key: key!.trimEnd() })
  t.same(refused({ TLS_CERT: join(directory, 'key.pem'), TLS_KEY: join(directory, 'key.pem') }), ['TLS_CERT'], 'a key is no certificate')
})

t.test('no error and no print of the configuration shows a value', async (t) => {
  const canary = 'c4n4ry'
  const everything = Object.fromEntries(names.map((name) => [name, `${canary} \u0000`]))
  const error = t.throws(() => loadConfig(everything)) as unknown as ConfigError
  t.ok(error.problems.length > 30)
  t.notMatch(inspect(error, { depth: 9 }), canary)
  t.notMatch(JSON.stringify(error), canary)
  const config = loadConfig({
    ...production,
    UNLEASH_API_TOKEN: canary,
    S3_SECRET_ACCESS_KEY: canary,
    DATABASE_URL: production['DATABASE_URL']!.replace('pw', canary),
  })
  for (const part of [config, config.flags, config.storage, config.database, { config }]) {
    t.notMatch(inspect(part, { depth: 9 }), canary)
    t.notMatch(JSON.stringify(part), canary)
  }
})

t.test('the configuration cannot be changed', async (t) => {
  const config = loadConfig({})
  t.throws(() => Object.assign(config, { profile: 'production' }), TypeError)
  t.throws(() => Object.assign(config.limits.messaging.user, { max: 1 }), TypeError)
  t.same(loadConfig({}).limits.messaging.user.max, 30)
  t.match(JSON.stringify(config.limits), '"max":30', 'limits are no secret')
})

t.test('generated keys are made once, stay, and are private', async (t) => {
  const directory = t.testdir({})
  const { keys } = loadConfig({ DATA_DIR: join(directory, 'data') })
  const made = completeKeys(keys)
  for (const set of ['fields', 'index', 'documents', 'audit'] as const) {
    t.match(made[set], [{ id: 'dev-1' }])
    t.equal(made[set][0]?.key.length, 32)
    t.equal(statSync(join(keys.generateIn, set)).mode & 0o777, 0o600)
  }
  t.equal(statSync(keys.generateIn).mode & 0o777, 0o700)
  t.equal(new Set([made.fields, made.index, made.documents, made.audit].map((set) => set[0]?.key.toString('hex'))).size, 4, 'all differ')
  t.same(completeKeys(keys), made, 'read again')
  t.same(loadConfig({ AUDIT_SIGNING_KEY: made.auditSigning }).keys.auditSigning, made.auditSigning, 'what is generated is what is accepted')
  const given = completeKeys(loadConfig({ DATA_DIR: join(directory, 'data'), FIELD_KEYS: key('mine', 1) }).keys)
  t.match(given, { fields: [{ id: 'mine' }], audit: made.audit })
  writeFileSync(join(keys.generateIn, 'audit'), 'dev-1:short')
  t.throws(() => completeKeys(keys), /damaged/)
  const whole = loadConfig({ ...production }).keys
  t.match(
    completeKeys({ ...whole, generateIn: '/proc/nowhere' }),
    { fields: [{ id: 'f1' }] },
    'nothing is written where nothing is missing',
  )
})

t.test('processes that start at once agree on the keys', async (t) => {
  const directory = join(t.testdir({}), 'data')
  const script = `import { loadConfig } from '${resolve('config/env.ts')}'
    import { completeKeys } from '${resolve('plugins/dev/generated-secrets.ts')}'
    const keys = completeKeys(loadConfig({ DATA_DIR: ${JSON.stringify(directory)} }).keys)
    process.stdout.write(keys.auditSigning + keys.fields[0].key.toString('hex'))`
  const { promise, resolve: done } = Promise.withResolvers<string[]>()
  const outputs: string[] = []
  const { execFile } = await import('node:child_process')
  for (let index = 0; index < 3; index++) {
    execFile(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 }, (error, stdout) => {
      outputs.push(error ? `failed ${index}` : stdout)
      if (outputs.length === 3) done(outputs)
    })
  }
  t.equal(new Set(await promise).size, 1)
  t.ok(outputs[0]!.length > 100)
})
