import { readFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig } from '../../config/env.ts'
import { factsOf, type Name, names } from '../../config/env/variables.ts'

interface Entry {
  readonly name: string
  readonly value: string
  readonly comment: string
}

const entries = (text: string): Entry[] => {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    const [, name, value] = /^#? ?([A-Z][A-Z0-9_]+)=(.*)$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, value: value ?? '', comment: lines[index - 1] ?? '' }]
  })
}

const example = entries(readFileSync(new URL('../../.env.example', import.meta.url), 'utf8'))

t.test('.env.example and the schema list the same variables, each once', async (t) => {
  t.same(example.map(({ name }) => name).sort(), [...names].sort())
})

t.test('every variable has a comment, which says where it is a secret', async (t) => {
  for (const { name, comment } of example) {
    t.match(comment, /^# .{10,}/, `${name} has a comment`)
    t.equal(comment.startsWith('# (secret)'), factsOf(name as Name).secret === true, `${name} is marked as the schema says`)
  }
})

t.test('every value that is shown is accepted', async (t) => {
  const shown = example.filter(
    ({ name, value }) => value !== '' && !/^(TLS_|NODE_ENV|S3_|UNLEASH_|IDENTITY_|ADVISOR_URL|AUDIT_CHECK|FLAGS_)/.test(name),
  )
  t.ok(shown.length > 20)
  t.doesNotThrow(() => loadConfig(Object.fromEntries(shown.map(({ name, value }) => [name, value]))))
})

t.test('the defaults that are shown are the defaults', async (t) => {
  const { limits, server, identity, advisor } = loadConfig({})
  const shown = Object.fromEntries(example.map(({ name, value }) => [name, value]))
  const set = loadConfig({
    MESSAGING_LIMITS: shown['MESSAGING_LIMITS'],
    IP_LIMIT: shown['IP_LIMIT'],
    USER_LIMIT: shown['USER_LIMIT'],
    HOST: shown['HOST'],
    PORT: shown['PORT'],
    PUBLIC_DOCS: shown['PUBLIC_DOCS'],
    OIDC_AUDIENCE: shown['OIDC_AUDIENCE'],
    OIDC_TOKEN_TYPE: shown['OIDC_TOKEN_TYPE'],
    ADVISOR_PHI: shown['ADVISOR_PHI'],
    ADVISOR_POLICY_VERSION: shown['ADVISOR_POLICY_VERSION'],
  })
  t.same(set.limits, limits)
  t.same(set.server, server)
  t.same(set.identity, identity)
  t.same(set.advisor, advisor)
})
