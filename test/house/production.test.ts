import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, loadConfig } from '../../config/env.ts'
import { acceptedNames, factsOf, names, type Name } from '../../config/env/variables.ts'
import { prepare } from '../production/prepare.ts'

/**
 * Layer 3 of FusionEMS part 4, as far as a repository can hold it: the image and the trial run of test/production. That nothing but TLS is
 * spoken is proved in test/host/encrypted-only.test.ts, that secrets come from files in test/config/env.test.ts, that the image builds and
 * starts in dockerfile.long.test.ts.
 */
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const environment = Object.fromEntries(
  read('test/production/postern.env')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
)
const compose = read('test/production/compose.yaml')
/** A part of the file by its key, with what is indented under it. */
const part = (text: string, key: string, indent = ''): string =>
  new RegExp(`^${indent}${key}:[^\\n]*\\n((?:${indent} +[^\\n]*\\n|\\n)*)`, 'm').exec(text)?.[1] ?? ''
const services = [...part(compose, 'services').matchAll(/^ {2}([a-z0-9-]+):$/gm)].map(([, name]) => name!)
const service = (name: string): string => part(compose, name, '  ')

const folder = t.testdir({})
prepare(folder)
const asFiles = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('/run/secrets', folder)]))

const refusedOf = (env: Record<string, string>): string[] => {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ variable }) => variable)
    throw error
  }
}

t.test('the trial run sets what production mode asks for, and nothing that it does not know', async (t) => {
  const config = loadConfig(asFiles(environment))
  t.match(config, {
    profile: 'production',
    flags: { kind: 'unleash' },
    storage: { kind: 's3' },
    checkpoints: { kind: 's3' },
    mail: { kind: 'smtp' },
  })
  for (const name of refusedOf({ NODE_ENV: 'production' })) t.ok(name in environment || `${name}_FILE` in environment, `${name} is set`)
  const unknown = Object.keys(environment).filter((name) => name !== 'NODE_EXTRA_CA_CERTS' && !acceptedNames.includes(name))
  t.same(unknown, [])
  // The owner's address is for the migrations alone, which are told the rest as well.
  t.notOk('DATABASE_MIGRATION_URL_FILE' in environment)
  t.match(service('migrate'), /DATABASE_MIGRATION_URL_FILE: \/run\/secrets\/DATABASE_MIGRATION_URL/)
  t.same(refusedOf(asFiles({ ...environment, DATABASE_MIGRATION_URL_FILE: '/run/secrets/DATABASE_MIGRATION_URL' })), [])
})

t.test('no secret stands in the image, the environment or the file: each is a file of its own', async (t) => {
  const inTheOpen = Object.keys(environment).filter((name) => names.includes(name as Name) && factsOf(name as Name).secret)
  t.same(inTheOpen, [])
  t.notMatch(part(compose, 'services'), /(PASSWORD|SECRET|TOKEN|KEY)S?: (?!\/run\/secrets\/)\S/)
  t.notMatch(read('Dockerfile'), /^(ARG|ADD) |(PASSWORD|SECRET|TOKEN|KEYS?|URL)=/m)
  const declared = [...part(compose, 'secrets').matchAll(/^ {2}(\S+): \{ file: \.\.\/\.\.\/\.data\/production\/(\S+) \}$/gm)]
  for (const [, name, file] of declared) t.ok(name === file && existsSync(join(folder, name!)), `${name} is made`)
  const used = new Set(
    [...`${compose}${Object.values(environment).join('\n')}`.matchAll(/\/run\/secrets\/([\w.-]+)/g)].map(([, name]) => name!),
  )
  for (const name of used)
    t.ok(
      declared.some(([, one]) => one === name),
      `${name} is declared`,
    )
  for (const name of Object.values(environment).filter((value) => value.startsWith('/run/secrets/')))
    t.match(service('postern'), `- ${name.slice(13)}\n`, `${name} is handed to the service`)
})

t.test('only the service can be reached, and what it asks for is there', async (t) => {
  t.same(
    services.filter((name) => /^ {4}ports:/m.test(service(name))),
    ['postern'],
  )
  t.match(part(compose, 'networks'), /private: \{ internal: true \}/)
  for (const name of services.filter((one) => one !== 'postern')) t.notMatch(service(name), /networks: \[.*edge/, name)
  const texts = Object.values(environment).map((value) =>
    value.startsWith('/run/secrets/') ? readFileSync(join(folder, value.slice(13)), 'utf8') : value,
  )
  const asked = texts.flatMap((text) => /^(?:[a-z]+:\/\/(?:[^@/]*@)?|(?=clamd:))([a-z0-9]+):\d+/.exec(text)?.[1] ?? [])
  t.ok(asked.length >= 8, asked.join())
  for (const host of new Set(asked.filter((one) => one !== 'localhost'))) t.ok(services.includes(host), `${host} is a service`)
  t.match(compose, /hostssl all all all scram-sha-256/)
  t.notMatch(compose, /^ *host +all/m, 'PostgreSQL takes no plain connection')
  t.match(service('valkey'), /--port 0 --tls-port 6379/)
})

t.test('it runs as nobody in particular, and writes to memory alone', async (t) => {
  const hardened = part(compose, 'x-service')
  for (const line of ['read_only: true', 'cap_drop: [ALL]', "security_opt: ['no-new-privileges:true']", 'pids_limit:', 'mem_limit:'])
    t.ok(hardened.includes(line), line)
  t.match(hardened, /tmpfs: \['\/tmp:/)
  for (const name of ['postern', 'migrate']) {
    t.match(service(name), /<<: \*service/, name)
    t.notMatch(service(name), /^ {4}(user|read_only|cap_add|privileged|volumes|security_opt):/m, `${name} takes nothing of that back`)
  }
  t.notMatch(compose, /privileged|network_mode|docker\.sock|cap_add/)

  const stage = read('Dockerfile')
    .split(/^FROM /m)
    .at(-1)!
  t.match(stage, /^USER node$/m)
  t.match(stage, /DATA_DIR=\/tmp\//, 'what it writes goes to /tmp')
  t.match(stage, /COPY .*--chown=root:root/, 'what it runs is not its own')
  t.notMatch(stage.slice(stage.indexOf('USER node')), /^(USER|RUN|COPY|VOLUME)(?! node)/m, 'and nothing follows')
  t.ok(environment['DATA_DIR']!.startsWith('/tmp/'))
})
