import t from 'tap'
import { personaNamed } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import type { TransactionPlan, Transactions } from '../../plugins/host/database/transactions.ts'
import { testDatabase } from '../database.ts'
import { startHost, type TestHost } from '../helper.ts'
import { openRows } from './rows.ts'

/**
 * What advises asks its gates twice: before its source is asked and again when it stores. Each of those questions is needed: its probe
 * holds on the service as it is, and fails where that question alone is left out of the plan.
 */
const database = await testDatabase(t)
const rows = await openRows(t, database.superuserUrl)
const host = await startHost(t, { database })
/** Another instance of the same service: the same database, keys and switches. */
const neighbour = await startHost(t, { database, env: { DATA_DIR: host.dataDir, FLAGS_FILE: `${host.dataDir}/flags.json` } })
const ana = personaNamed('patient-ana')!.patientId!
const ben = personaNamed('patient-ben')!.patientId!

let change: (plan: TransactionPlan) => TransactionPlan = (plan) => plan
/** What happens while the source is thinking. */
let meanwhile: (() => Promise<unknown>) | null = null

const transactions = host.parts.host.transactions as { run: Transactions['run'] }
const { run } = transactions
transactions.run = async (plan, work) => {
  const act = plan.readOnly ? null : meanwhile
  if (act) meanwhile = null
  await act?.()
  return run(plan.operation.endsWith('Consultation') ? change(plan) : plan, work)
}

const send = (at: TestHost, as: string, path: string, body: object, key: string = newId()) =>
  at.call('POST', `/api${path}`, { as, body, key })
const count = async (table: string): Promise<number> => (await rows.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]!.n
const grant = async (scope: string): Promise<string> =>
  (await send(host, 'patient-ana', '/consents', { patientId: ana, scope })).json<{ id: string }>().id
const question = 'How much adrenaline in anaphylaxis?'
const ask = (body: object = {}, { as = 'clinician', at = host, key = newId() } = {}) =>
  send(at, as, '/advisor/consultations', { question, ...body }, key)

/** Of `clinician`, about Ana; what each probe finds. */
let [draftId, adviceConsent] = ['', '']
t.beforeEach(async () => {
  change = (plan) => plan
  await rows.query('truncate advisor_review, advisor_consultation, consent_record, host_idempotency_key')
  adviceConsent = await grant('advisor')
  await grant('clinical-documentation')
  const draft = { patientId: ana, type: 'other', title: 'Probe', body: 'Probe' }
  draftId = (await send(host, 'clinician', '/clinical-drafts', draft)).json<{ id: string }>().id
})

type Answer = Awaited<ReturnType<typeof ask>>

/** Refused so, with nothing stored. */
const refusedWith = async (answer: Promise<Answer>, status: number, code: string, table = 'advisor_consultation'): Promise<boolean> => {
  const { statusCode, json } = await answer
  return statusCode === status && json<{ code: string }>().code === code && (await count(table)) === 0
}
const during = <T>(work: () => Promise<unknown>, answer: () => Promise<T>): Promise<T> => {
  meanwhile = work
  return answer()
}
const discard = () => host.call('DELETE', `/api/clinical-drafts/${draftId}`, { as: 'clinician', headers: { 'if-match': '"1"' } })

const probes = {
  consent: () => refusedWith(ask({ patientId: ben }), 403, 'CONSENT_REQUIRED'),
  'consent, again': () =>
    refusedWith(
      during(
        () => send(host, 'patient-ana', `/consents/${adviceConsent}/revocation`, {}),
        () => ask({ patientId: ana }),
      ),
      403,
      'CONSENT_REQUIRED',
    ),
  'whose draft': () => refusedWith(ask({ patientId: ana, draftId }, { as: 'clinician-2' }), 404, 'NOT_FOUND'),
  'whose draft, again': () =>
    refusedWith(
      during(discard, () => ask({ patientId: ana, draftId })),
      404,
      'NOT_FOUND',
    ),
  key: async () => {
    const key = newId()
    const [first, second] = [await ask({}, { key }), await ask({}, { key })]
    return first.statusCode === 201 && first.body === second.body && (await count('advisor_consultation')) === 1
  },
  'key, again': async () => {
    const key = newId()
    let theirs: Answer | undefined
    const ours = await during(
      async () => (theirs = await ask({}, { key, at: neighbour })),
      () => ask({}, { key }),
    )
    return theirs?.statusCode === 201 && theirs.body === ours.body && (await count('advisor_consultation')) === 1
  },
  'switch, again': async () => {
    const held = await refusedWith(
      during(
        () => host.flip('USE_MEDICAL_ADVISOR', false),
        () => ask(),
      ),
      503,
      'UPSTREAM_UNAVAILABLE',
    )
    await host.flip('USE_MEDICAL_ADVISOR', true)
    return held
  },
  'whose consultation': async () => {
    const { id } = (await ask()).json<{ id: string }>()
    const review = send(host, 'clinician-2', `/advisor/consultations/${id}/review`, { decision: 'accepted' })
    return refusedWith(review, 404, 'NOT_FOUND', 'advisor_review')
  },
} as const satisfies Record<string, () => Promise<boolean>>

type Question = keyof typeof probes

/** A plan without one question, in both phases or in the last alone. */
const without: Readonly<Record<Question, Partial<TransactionPlan>>> = {
  consent: { consent: null },
  'consent, again': { consent: null },
  'whose draft': { draft: null },
  'whose draft, again': { draft: null },
  key: { key: null },
  'key, again': { key: null },
  'switch, again': { stillOn: () => true },
  'whose consultation': { ownership: null },
}
const questions = Object.keys(probes) as Question[]

for (const question of questions) {
  t.test(`"${question}" is asked`, async (t) => t.ok(await probes[question]()))
  t.test(`without asking "${question}" the promise is broken`, async (t) => {
    const last = question.endsWith(', again')
    change = (plan) => (last && plan.readOnly ? plan : { ...plan, ...without[question] })
    t.notOk(await probes[question](), 'the probe sees it')
  })
}

t.test('whose draft it is holds twice: by the port’s own question, and by the policy behind it', async (t) => {
  const [author] = await rows.query<{ name: string }>(
    `select policyname as name from pg_policies where tablename = 'clinical_draft' and permissive = 'RESTRICTIVE'
     and qual like '%author_id%' and 'postern_read' = any (roles)`,
  )
  const asAnybody = `create or replace function own_draft_patient(p_agency uuid, p_author text, p_draft uuid) returns uuid
    language sql stable security invoker as $$ select d.patient_id from clinical_draft d where d.id = p_draft $$`
  const [{ asIs }] = (await rows.query<{ asIs: string }>(`select pg_get_functiondef('own_draft_patient'::regproc) as "asIs"`)) as [
    { asIs: string },
  ]
  await rows.query(asAnybody)
  t.ok(await probes['whose draft'](), 'the policy alone holds it')
  await rows.query(`drop policy ${author!.name} on clinical_draft`)
  t.notOk(await probes['whose draft'](), 'with neither it is broken')
  await rows.query('truncate advisor_consultation cascade')
  await rows.query(asIs)
  t.ok(await probes['whose draft'](), 'the question alone holds it')
})
