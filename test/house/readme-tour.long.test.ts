import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dataFolder, freshEnvironment, projectRoot, startService } from './service-process.ts'
import { openShell } from './shell.ts'
import { type Step, stepsOf, untilSwitched, walk } from './tour.ts'

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
const tour = [...readme.matchAll(/^```sh tour\n([\s\S]*?)^```$/gm)].map(([, block]) => block!).join('')

/** What each of the printed commands answers, by how it begins; the others say nothing. */
const printedAnswers: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^post consents /, ['"reason":"disabled"']],
  [/^post messaging\/conversations talk/, ['"code":"CONSENT_REQUIRED"']],
  [/^post consents /, ['"status":"active"']],
  [/^post messaging\/conversations\/\$TALK\/messages .*\}'$/, ['"conversationId"']],
  [/^post messaging\/conversations\/\$TALK\/messages .* -i$/, ['201 Created', 'idempotent-replayed: true', '"conversationId"']],
  [/^get messaging/, ['"body":"May I take it with milk?"']],
  [/^get audit\/events/, ['"outcome":"CONSENT_REQUIRED"', '"outcome":"replayed"']],
  [/^get audit\/verification/, ['"valid":true']],
]

const withAnswers = (lines: readonly string[]): Step[] => {
  const left = [...printedAnswers]
  const steps = lines.map((line) => ({ line, expected: left[0]?.[0].test(line) ? left.shift()![1] : [] }))
  if (left.length > 0) throw new Error(`not printed: ${left.map(([begins]) => begins.source).join(', ')}`)
  return steps
}

interface Seen {
  readonly action: string
  readonly outcome: string
  readonly reason: string | null
  readonly patientId: string | null
}

const attempts = (answer: string, patientId: string): string[] =>
  (JSON.parse(answer) as { items: Seen[] }).items
    .filter((event) => event.patientId === patientId)
    .map(({ action, outcome, reason }) => [action, outcome, reason].filter(Boolean).join(' '))
    .toReversed()

/** Every attempt of the tour, in its order: refused, granted, repeated, read. */
const mainJob = [
  'grantConsent UPSTREAM_UNAVAILABLE disabled',
  'createConversation CONSENT_REQUIRED',
  'grantConsent success',
  'createConversation success',
  'sendMessage success',
  'sendMessage replayed',
  'listMessages success',
]

t.test('what is written down for a newcomer works as it stands', async (t) => {
  const dataDir = dataFolder(t)
  const service = startService(t, { dataDir })
  const address = await service.listening
  const newShell = () => openShell(t, { cwd: projectRoot, env: freshEnvironment(projectRoot) })

  await t.test('the tour of the README', async (t) => {
    const steps = stepsOf(tour.replaceAll('http://127.0.0.1:3000', address).replaceAll('.data/', `${dataDir}/`).split('\n'))
    const answers = await walk(t, newShell(), address, steps)
    const answerTo = (begin: string): string => answers[steps.findIndex(({ line }) => line.startsWith(begin))]!
    t.same(attempts(answerTo('get audit/events'), '01920000-0000-7000-8000-c00000000001'), mainJob)
    t.equal(answerTo('get messaging').split('May I take it with milk?').length, 2, 'there is one message')
  })

  // On the same service, which a tour has changed: the switches go back, and it is another patient who writes.
  await t.test('the commands that the start prints', async (t) => {
    writeFileSync(join(dataDir, 'flags.json'), '{}')
    await untilSwitched(address, { USE_CONSENT_WRITES: false, USE_CHAT_WRITES: false })
    const lines = service
      .output()
      .split('\n')
      .filter((line) => /^ {2}(?!Documentation|OpenAPI|Switches|Data)\S/.test(line))
    const steps = withAnswers(lines.map((line) => line.trim().replaceAll('patient-ana', 'patient-ben')))
    const answers = await walk(t, newShell(), address, steps)
    const answerTo = (begins: RegExp): string => answers[steps.findIndex(({ line }) => begins.test(line))]!
    t.same(attempts(answerTo(/^get audit\/events/), '01920000-0000-7000-8000-c00000000002'), mainJob)
    const [first, again] = [answerTo(/^post .*\$TALK.*\}'$/), answerTo(/ -i$/)]
    t.equal(again.split('\r\n\r\n')[1]!.trim(), first.trim(), 'the second answer is the first')
  })

  await t.test('the demo’s provider is there, active, with every document', async (t) => {
    const ask = async (path: string, init: RequestInit = {}): Promise<any> =>
      (await fetch(`${address}${path}`, { ...init, signal: AbortSignal.timeout(10_000) })).json()
    const body = JSON.stringify({ persona: 'provider-self' })
    const { access_token: token } = await ask('/dev/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const profile = await ask('/api/provider/profile', { headers: { authorization: `Bearer ${token}` } })
    t.match(profile, { displayName: 'Dr. Sofia Marques', status: 'active', commission: { type: 'tier', currentTier: 1 } })
    t.same(profile.documents.map(({ verificationStatus }: any) => verificationStatus), Array(3).fill('approved')) // prettier-ignore
  })

  await t.test('the places that the start names answer', async (t) => {
    for (const path of ['/docs/', '/openapi.json', '/health/live', '/health/ready', '/problems/consent-required', '/dev/personas']) {
      const response = await fetch(`${address}${path}`, { signal: AbortSignal.timeout(10_000) })
      await response.arrayBuffer()
      t.equal(response.status, 200, path)
    }
  })
})

t.test('the README opens with what it is, then the two commands, and names what is there', async (t) => {
  const [first] = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  t.equal(first![1], 'npm ci && npm start\nnpm ci && npm test\n')
  t.ok(first!.index < 900)
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!)
  for (const name of ['start', 'test', ...named]) t.ok(scripts[name], `npm run ${name}`)
  for (const [, path] of readme.matchAll(/\]\(([^):]+)\)/g))
    t.doesNotThrow(() => readFileSync(join(projectRoot, path!)), `${path} is there`)
})
