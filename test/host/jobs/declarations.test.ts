import { readFileSync } from 'node:fs'
import t from 'tap'
import { contexts } from '../../../plugins/contexts.ts'
import { checkLater } from '../../../plugins/host/contract-check-later.ts'
import type { ContextDefinition } from '../../../plugins/host/define-context.ts'
import { createAccountKeeper } from '../../../plugins/host/identity-admin/account-keeper.ts'
import type { DesiredAccount, IdentityAdmin } from '../../../plugins/host/identity-admin/identity-admin.ts'
import { queueSchemaVersion } from '../../../plugins/host/jobs/install-queue.ts'
import type { ServiceTransactions } from '../../../plugins/host/jobs/service-transaction.ts'
import { readDeclarations } from '../../../plugins/host/read-declarations.ts'
import { frozenClock } from '../../helper.ts'
import { lab, labContract } from './lab.ts'
import { fails } from './fails.ts'

const named = (name: string): ContextDefinition => contexts.find(({ manifest }) => manifest.name === name)!
const job = lab.jobs[0]!
const greeting = lab.deliveries.find(({ kind }) => kind === 'greeting')!
const welcome = lab.deliveries.find(({ kind }) => kind === 'welcome')!
const account = lab.deliveries.find(({ kind }) => kind === 'account')!
const granted = (changes: Partial<ContextDefinition>, without: readonly string[] = []): ContextDefinition => ({
  ...lab,
  ...changes,
  manifest: { ...lab.manifest, capabilities: lab.manifest.capabilities.filter((one) => !without.includes(one)) },
})
const breach = (message: string) => ({ name: 'ContractBreach', message })

t.test('nothing is done later without the capability', async (t) => {
  t.doesNotThrow(() => checkLater(lab))
  for (const context of contexts.filter(({ manifest }) => !manifest.capabilities.includes('queue'))) {
    const { name } = context.manifest
    const said = `02B, Explicitly Forbidden: ${name} would do something later, and was not granted the capability "queue".`
    t.throws(() => checkLater({ ...context, jobs: [job] }), breach(said))
    t.throws(() => checkLater({ ...context, deliveries: [greeting] }), breach(said))
  }
  t.notOk(named('messaging').manifest.capabilities.some((one) => one === 'queue' || one === 'mail'))
  const withJob = contexts.map((context) => (context.manifest.name === 'messaging' ? { ...context, jobs: [job] } : context))
  await t.rejects(readDeclarations(withJob), { name: 'ContractBreach' }, 'a job of messaging stops the boot and the printed contract')
  t.resolves(readDeclarations([lab], labContract))

  t.throws(
    () => checkLater(granted({}, ['mail'])),
    breach('MIG-03 §4, least privilege: lab would send the mail greeting, and was not granted the capability "mail".'),
  )
  const accounts = (kind: string) =>
    breach(`MIG-03 §4, least privilege: lab would keep accounts by ${kind}, and was not granted the capability "identity-admin".`)
  t.throws(() => checkLater(granted({ deliveries: [account] }, ['identity-admin'])), accounts('account'))
  t.throws(() => checkLater(granted({ deliveries: [welcome] }, ['identity-admin'])), accounts('welcome'))
  const reading = { ...lab, manifest: { ...lab.manifest, effects: ['read' as const] } }
  t.throws(() => checkLater(reading), { name: 'ContractBreach', message: /effect "admin"/ })
  t.throws(() => checkLater(granted({}, ['transaction'])), { message: /effect "admin"/ })
  t.throws(
    () => checkLater(granted({ jobs: [{ ...job, killSwitch: 'USE_CHAT_WRITES' }] })),
    breach('MIG-03 §7: the job lab-reminders names the switch "USE_CHAT_WRITES", which lab did not declare.'),
  )
  t.throws(() => checkLater(granted({ jobs: [{ ...job, name: 'A Job' }] })), { name: 'ContractBreach' })
  t.throws(() => checkLater(granted({ deliveries: [{ ...greeting, kind: 'A Mail' }] })), { name: 'ContractBreach' })
})

t.test('the schema of the queue is the one that the library makes', async (t) => {
  const { LATEST_SCHEMA_VERSION } = await import('bullmq')
  t.equal(queueSchemaVersion, LATEST_SCHEMA_VERSION)
  const libraries = ['bullmq', 'nodemailer']
  const eager = ['transport.ts', 'install-queue.ts', '../mail/smtp-mail.ts', '../mail/file-mail.ts'].map((name) =>
    readFileSync(new URL(`../../../plugins/host/jobs/${name}`, import.meta.url), 'utf8'),
  )
  for (const library of libraries)
    t.notOk(
      eager.some((text) => new RegExp(`^import (?!type).*'${library}'`, 'm').test(text)),
      `${library} costs a start nothing`,
    )
})

t.test('the last wish holds, in whatever order attempts end', async (t) => {
  const told: string[] = []
  const noted: unknown[] = []
  let wish: DesiredAccount | null = { email: 'a@b.example', firstName: 'A', lastName: 'B', roles: ['provider'], state: 'enabled' }
  const identity: IdentityAdmin = {
    ensure: async () => ({ accountId: 'one' }),
    invite: async () => ({ url: null, expiresAt: new Date(0) }),
    enable: async () => {
      told.push('enable')
      // Deactivated while the identity provider was being told to enable.
      wish = { ...wish!, state: 'disabled' }
    },
    disable: async () => void told.push('disable'),
    endSessions: async () => void told.push('end'),
    close: async () => undefined,
  }
  const tx = { sql: async (_text: string, values: unknown[]) => (noted.push(values[3]), []) }
  const transactions = {
    read: (_plan: unknown, work: (handed: unknown) => Promise<unknown>) => work(tx),
    write: async (_plan: unknown, work: (handed: unknown) => Promise<{ result: unknown }>) => (await work(tx)).result,
  } as unknown as ServiceTransactions
  const keeper = createAccountKeeper({ transactions, clock: frozenClock(), identity: async () => identity })
  const due = { agencyId: 'a', subjectId: 's', now: new Date(), auditId: 'x', id: 'i', kind: 'k', cause: 'c', ids: {}, attempt: 1 }
  t.equal(await keeper.bring(due, async () => wish), true)
  t.same(told, ['enable', 'disable', 'end'])
  t.same(noted, ['enabled', 'disabled'])
  wish = null
  t.equal(await keeper.bring(due, async () => wish), false)
  let turn = 0
  const restless = async () => ({ email: `${turn++}@b.example`, firstName: 'A', lastName: 'B', roles: [], state: 'created' as const })
  await fails(t, keeper.bring(due, restless), { failure: 'deferred' }, 'a wish that never rests waits for the next turn')
})
