import t from 'tap'
import { ipLimits, limitPolicies, messagingLimits, parseLimits, parseRate, parseUserLimit, userLimit } from '../../config/limits.ts'

t.test('the defaults are those of the documents', async (t) => {
  t.same(messagingLimits, {
    user: { name: 'messaging-user', max: 30, windowMs: 60_000 },
    burst: { name: 'messaging-burst', max: 10, windowMs: 10_000 },
    conversation: { name: 'messaging-conversation', max: 20, windowMs: 60_000 },
  })
  t.same(ipLimits, { all: { name: 'ip', max: 600, windowMs: 60_000 }, anonymous: { name: 'ip-anonymous', max: 60, windowMs: 60_000 } })
  t.same(userLimit, { name: 'user', max: 300, windowMs: 60_000 })
})

t.test('a rate is max/window', async (t) => {
  t.same(parseRate('30/60s'), { max: 30, windowMs: 60_000 })
  t.same(parseRate(' 1/1s '), { max: 1, windowMs: 1000 })
  t.same(parseRate('1000000/24h'), { max: 1_000_000, windowMs: 86_400_000 })
  for (const text of [
    '',
    '30',
    '30/',
    '/60s',
    '30/60',
    '30/60ms',
    '0/60s',
    '30/0s',
    '-1/60s',
    '1.5/60s',
    '30/60s/2',
    '1000001/1s',
    '1/25h',
    '1/99999h',
    '٣/60s',
    '1e3/1s',
  ]) {
    t.equal(parseRate(text), undefined, text)
  }
})

t.test('names keep their defaults, and nothing is guessed', async (t) => {
  t.same(parseLimits('user=30/60s,burst=10/10s,conversation=20/60s', messagingLimits), messagingLimits)
  t.same(parseLimits('burst=1/1m , user=2/2s', messagingLimits), {
    ...messagingLimits,
    burst: { name: 'messaging-burst', max: 1, windowMs: 60_000 },
    user: { name: 'messaging-user', max: 2, windowMs: 2000 },
  })
  for (const text of [
    '',
    'user',
    'user=',
    '=30/60s',
    'users=1/1s',
    'user=1/1s,',
    'user=1/1s,user=1/1s',
    'constructor=1/1s',
    'user=1/1s;burst=1/1s',
  ]) {
    t.equal(parseLimits(text, messagingLimits), undefined, text)
  }
  t.same(parseUserLimit('7/1m'), { name: 'user', max: 7, windowMs: 60_000 })
  t.equal(parseUserLimit('many'), undefined)
})

t.test('every policy an operation may name, each window under a name of its own', async (t) => {
  const policies = limitPolicies({ messaging: messagingLimits, user: userLimit })
  t.same(Object.keys(policies).sort(), [
    'document-access',
    'document-content',
    'messaging',
    'messaging-conversation',
    'provider-creation',
    'provider-search',
    'user',
  ])
  t.same(
    policies.messaging.map(({ name }) => name),
    ['messaging-user', 'messaging-burst'],
  )
  t.same(policies['provider-creation'], [{ name: 'provider-creation', max: 10, windowMs: 3_600_000 }])
  t.same([policies['provider-search'][0]?.max, policies['document-access'][0]?.max], [60, 60])
  const names = [...Object.values(policies).flat(), ...Object.values(ipLimits)].map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  for (const name of names) t.match(name, /^[a-z-]+$/, 'safe within a header')
  t.throws(() => Object.assign(policies, { user: [] }), TypeError)
})
