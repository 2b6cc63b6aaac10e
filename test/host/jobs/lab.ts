import { Migration } from '@mikro-orm/migrations'
import { Type } from '@sinclair/typebox'
import { contract, type Contract } from '../../../config/contract.ts'
import { dueReminders, reminderHorizon } from '../../../domain/shared/expiry-reminders.ts'
import { newest } from '../../../domain/shared/page.ts'
import {
  composeMail,
  defineContext,
  tenantTable,
  type DesiredAccount,
  type Due,
  type Job,
  type OutboxPort,
} from '../../../plugins/host/define-context.ts'
import { operation } from '../../../routes/shared/operation.ts'
import { strict } from '../../../routes/shared/schemas.ts'

/** A small context of the tests' own that tells, reminds and keeps accounts. */
const uuid = Type.String({ format: 'uuid' })
const common = { audience: ['staff'], scopes: ['providers:write'], audit: 'record' } as const
const told = strict({ id: uuid, isNew: Type.Boolean() })

export const tell = operation({
  ...common, name: 'tellLab', summary: 'Tell', method: 'POST', path: '/lab/notes', effect: 'admin',
  body: strict({ kind: Type.String(), cause: Type.String(), subjectId: uuid, fails: Type.Optional(Type.Boolean()) }),
  reply: { status: 200, schema: told },
}) // prettier-ignore
export const resend = operation({
  ...common, name: 'resendLab', summary: 'Again', method: 'POST', path: '/lab/notes/again', effect: 'admin', body: strict({ id: uuid }),
  reply: { status: 200, schema: strict({ id: Type.Union([uuid, Type.Null()]) }) },
}) // prettier-ignore
export const list = operation({
  ...common, name: 'listLab', summary: 'List', method: 'GET', path: '/lab/notes', effect: 'read', query: strict({ subjectId: uuid }),
  reply: { status: 200, schema: strict({ items: Type.Array(Type.Any()), account: Type.String() }) },
}) // prettier-ignore

class LabTables extends Migration {
  override up(): void {
    this.addSql(`create table lab_item (
      agency_id uuid not null references host_agency (id), id uuid not null, expires_on date not null, version text not null, reminded int,
      wish text not null default 'created', primary key (agency_id, id))`)
    const sql = tenantTable({ table: 'lab_item', grants: { read: ['select'], admin: ['select', 'insert', 'update (reminded, wish)'] } })
    for (const statement of sql) this.addSql(statement)
  }
}

/** What a test watches and breaks from outside. */
export interface LabHooks {
  prepared: (due: Due) => void | Promise<void>
  settled: string[]
  runs: string[]
  batch: number
  withdraw: boolean
  deaf: boolean
}
export const hooks: LabHooks = { prepared: () => {}, settled: [], runs: [], batch: 100, withdraw: false, deaf: false }

const settled = async ({ kind, state, attempt }: { kind: string; state: string; attempt: number }): Promise<void> => {
  if (hooks.deaf) throw new Error('the context cannot be told')
  hooks.settled.push(`${kind} ${state} ${attempt}`)
}

const thresholds = [30, 7, 0]

interface Item {
  id: string
  version: string
  expiresOn: string
  reminded: number | null
}

type Outboxed = { outbox: OutboxPort }

const reminders: Job<Outboxed> = {
  name: 'lab-reminders',
  schedule: 'daily',
  killSwitch: 'USE_PROVIDER_ADMIN_WRITES',
  async run(call, tx, { outbox }) {
    hooks.runs.push(call.date)
    const items = await tx.sql<Item>(
      `select id, version, to_char(expires_on, 'YYYY-MM-DD') as "expiresOn", reminded from lab_item
      where expires_on <= $1 and (reminded is null or reminded > 0) order by id`,
      [reminderHorizon(thresholds, call.date)],
    )
    const due = dueReminders(items, thresholds, call.date)
    const now = due.slice(0, hooks.batch)
    await outbox.add(
      tx,
      call,
      now.map(({ item, cause }) => ({ kind: 'reminder', cause, subjectId: item.id })),
    )
    for (const { item, threshold } of now) await tx.sql('update lab_item set reminded = $2 where id = $1', [item.id, threshold])
    return { count: now.length, more: due.length > now.length }
  },
}

const months: Job = {
  name: 'lab-months',
  schedule: 'monthly',
  run: async (call) => {
    hooks.runs.push(`month ${call.date}`)
    return { count: 0, more: false, actor: { userId: 'somebody', role: 'provider_manager' } }
  },
}

const desire = async (due: Due, tx: { sql<R>(text: string, values: unknown[]): Promise<R[]> }): Promise<DesiredAccount | null> => {
  const [row] = await tx.sql<{ wish: DesiredAccount['state'] }>('select wish from lab_item where id = $1', [due.subjectId])
  return row ? { email: `${due.subjectId}@lab.example`, firstName: 'Ada', lastName: 'Lab', roles: ['provider'], state: row.wish } : null
}

const mailOf = (due: Due, words: string) => ({
  to: `${due.subjectId}@lab.example`,
  ...composeMail({ subject: words, paragraphs: [words] }),
})

export const lab = defineContext({
  manifest: {
    name: 'lab', step: null, audience: ['staff'], effects: ['read', 'admin'], capabilities: ['transaction', 'queue', 'mail', 'identity-admin'],
    killSwitches: ['USE_PROVIDER_ADMIN_WRITES'], tables: ['lab_item'], upstreamHosts: [],
  },
  migrations: [{ name: 'lab-0001', class: LabTables }],
  jobs: [reminders, months],
  deliveries: [
    {
      kind: 'greeting',
      settled,
      prepare: async (due) => {
        await hooks.prepared(due)
        return hooks.withdraw ? null : mailOf(due, 'Hello')
      },
    },
    { kind: 'reminder', settled, prepare: async (due) => mailOf(due, 'It expires') },
    {
      kind: 'welcome',
      settled,
      invite: desire,
      prepare: async (due, _tx, _scope, link) => ({
        to: `${due.subjectId}@lab.example`,
        ...composeMail({ subject: 'Welcome', paragraphs: ['Welcome.'], ...(link?.url ? { link: { label: 'Open', url: link.url } } : {}) }),
      }),
    },
    { kind: 'account', settled, desire },
  ],
  setup(scope) {
    scope.serve(tell, {
      transact: async (call, tx) => {
        const { kind, cause, subjectId, fails } = call.body
        const [row] = await scope.outbox.add(tx, call, [{ kind, cause, subjectId, ids: { subjectId } }])
        if (fails) throw new Error('after the note')
        return { body: { ...row! } }
      },
    })
    scope.serve(resend, { transact: async (call, tx) => ({ body: { id: (await scope.outbox.resend(tx, call, call.body.id))?.id ?? null } }) })
    scope.serve(list, {
      transact: async (call, tx) => {
        const { subjectId } = call.query
        const items = await scope.outbox.list(tx, call, { subjectId, before: newest, limit: 10 })
        const states = await scope.accounts.states(tx, call, [subjectId])
        return { body: { items: items.map((row) => ({ ...row })), account: states.get(subjectId)! } }
      },
    })
  },
}) // prettier-ignore

/** The contract as it is, and beside it the lab's approval. */
export const labContract: Contract = {
  ...contract,
  approvals: [...contract.approvals, { ...lab.manifest, clause: 'the clause of lab' } as Contract['approvals'][number]],
}
