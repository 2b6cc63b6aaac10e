import t from 'tap'
import type { QueryResult } from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { messagingMigrations } from '../../../plugins/contexts/messaging/messaging.migrations.ts'
import { listConversationsStatement, listMessagesStatement } from '../../../plugins/contexts/messaging/messaging.statements.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase } from '../../database.ts'
import { type Statement, databaseSession } from '../database-session.ts'

const agency = { a: newId(), b: newId() }
const ana = newId()
const ben = newId()
const at = '2026-11-21T10:00:00Z'

const db = await testDatabase(t, { migrations: [...hostMigrations, ...messagingMigrations] })
const { superuser, within, insert, planOf } = await databaseSession(t, db)

const conversation = async (row: Record<string, unknown> = {}): Promise<string> => {
  const id = newId()
  const whole = {
    agency_id: agency.a,
    id,
    patient_id: ana,
    subject: Buffer.from('sealed'),
    created_at: at,
    created_by: 'ana',
    audit_id: newId(),
  }
  await insert('messaging_conversation', { ...whole, ...row })
  return id
}

const message = async (conversationId: string, row: Record<string, unknown> = {}): Promise<string> => {
  const id = newId()
  const whole = { agency_id: agency.a, id, conversation_id: conversationId, patient_id: ana, sender_id: 'ana', body: Buffer.from('sealed') }
  await insert('messaging_message', { ...whole, created_at: at, audit_id: newId(), ...row })
  return id
}

await superuser.query('insert into host_agency (id, name) values ($1, $2), ($3, $4)', [agency.a, 'A', agency.b, 'B'])
const anas = await conversation()
const bens = await conversation({ patient_id: ben })
const other = await conversation({ agency_id: agency.b })
const anasMessage = await message(anas)
const bensMessage = await message(bens, { patient_id: ben })
await message(other, { agency_id: agency.b })

const ids = (result: QueryResult): string[] => result.rows.map(({ id }) => id as string).sort()
const conversations: Statement = ['select id from messaging_conversation']
const messages: Statement = ['select id from messaging_message']

t.test('row security alone holds, whatever the statement asks', async (t) => {
  t.same(ids(await within({ agency: agency.a, patient: ana }, conversations)), [anas])
  t.same(ids(await within({ agency: agency.a, patient: ana }, messages)), [anasMessage])
  t.same(ids(await within({ agency: agency.a, patient: ben }, messages)), [bensMessage])
  t.same(ids(await within({ agency: agency.b, patient: ben }, messages)), [])
  t.equal((await within({ agency: agency.b, patient: ana }, messages)).rowCount, 1, 'the agency decides, not the patient alone')
  for (const statement of [conversations, messages]) {
    await t.rejects(within({ patient: ana }, statement), { code: '42501' }, 'no agency: refused, not empty')
    for (const role of ['draft', 'advise', 'admin', 'public', 'audit_writer', 'audit_reader'])
      await t.rejects(within({ role: `postern_${role}`, agency: agency.a }, statement), { code: '42501' }, role)
  }
  const gate = { role: 'postern_gate', agency: agency.a, patient: ana }
  t.same(ids(await within(gate, conversations)), [anas], 'the host’s gates see whose conversation it is')
  await t.rejects(within(gate, ['select subject from messaging_conversation']), { code: '42501' }, 'and nothing of what it says')
  await t.rejects(within(gate, messages), { code: '42501' })
})

const newMessage = (row: { agency?: string; conversation?: string; patient?: string } = {}): Statement => [
  `insert into messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
   values ($1, $2, $3, $4, 'ana', 'x', $5, $6)`,
  row.agency ?? agency.a, newId(), row.conversation ?? anas, row.patient ?? ana, at, newId(),
] // prettier-ignore

/** The constraint that a statement breaks. */
const told = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error) => error.constraint,
  )

t.test('a message cannot lie about its conversation, its patient or its agency', async (t) => {
  const write = { role: 'postern_write', agency: agency.a, patient: ana }
  t.equal((await within(write, newMessage())).rowCount, 1)
  for (const [conversation, where] of [
    [bens, 'another’s conversation'],
    [other, 'another agency’s'],
    [newId(), 'none'],
  ] as const)
    t.equal(await told(within(write, newMessage({ conversation }))), 'messaging_message_conversation', `under one’s own name in ${where}`)
  await t.rejects(within(write, newMessage({ conversation: bens, patient: ben })), { code: '42501' }, 'under another’s name')
  await t.rejects(within(write, newMessage({ agency: agency.b, conversation: other })), { code: '42501' }, 'in another agency')
  await t.rejects(within({ ...write, role: 'postern_read' }, newMessage()), { code: '42501' }, 'as a reader')
})

t.test('what was written stays as it was', async (t) => {
  const write = { role: 'postern_write', agency: agency.a, patient: ana }
  for (const table of ['messaging_conversation', 'messaging_message']) {
    await t.rejects(within(write, [`update ${table} set created_at = created_at`]), { code: '42501' })
    await t.rejects(within(write, [`delete from ${table}`]), { code: '42501' })
    await t.rejects(within(write, [`truncate ${table} cascade`]), { code: '42501' })
  }
})

t.test('domain rules are the tables’ rules', async (t) => {
  t.equal(await told(conversation({ subject: Buffer.alloc(0) })), 'messaging_conversation_subject')
  t.equal(await told(conversation({ created_by: '' })), 'messaging_conversation_created_by')
  t.equal(await told(message(anas, { body: Buffer.alloc(32_769) })), 'messaging_message_body')
  t.equal(await told(message(anas, { sender_id: '' })), 'messaging_message_sender')
  t.equal(await told(conversation({ agency_id: newId() })), 'messaging_conversation_agency_id_fkey')
})

t.test('a page of many messages reads a page, by an index that begins with the agency', async (t) => {
  await superuser.query(
    `insert into messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
     select $1, gen_random_uuid(), $2, $3, 'ana', 'x', $4::timestamptz + n * interval '1 s', gen_random_uuid() from generate_series(1, 20000) n`,
    [agency.a, anas, ana, at],
  )
  await superuser.query(
    `insert into messaging_conversation (agency_id, id, patient_id, subject, created_at, created_by, audit_id)
     select $1, gen_random_uuid(), case when n % 10 = 0 then $2 else gen_random_uuid() end, 'x', $3::timestamptz + n * interval '1 s', 'ana', gen_random_uuid()
     from generate_series(1, 20000) n`,
    [agency.a, ana, at],
  )
  await superuser.query('analyze messaging_message, messaging_conversation')
  const session = { agency: agency.a, patient: ana }
  const first = { before_at: '9999-01-01T00:00:00Z', before_id: 'ffffffff-ffff-ffff-ffff-ffffffffffff', row_limit: 51 }
  const deep = { ...first, before_at: '2026-11-21T13:00:00Z' }
  for (const page of [first, deep]) {
    const ofMessages = await planOf(listMessagesStatement, session, { ...page, conversation_id: anas })
    t.match(ofMessages, /Index Scan Backward using messaging_message_of_conversation .*\(actual rows=5[0-9.]+ /)
    t.match(ofMessages, /Index Cond: .*agency_id = \$1.*conversation_id = .*ROW\(created_at, id\) </)
    const ofConversations = await planOf(listConversationsStatement, session, page)
    t.match(ofConversations, /Index Scan Backward using messaging_conversation_of_patient .*\(actual rows=5[0-9.]+ /)
    for (const plan of [ofMessages, ofConversations]) t.notMatch(plan, /Seq Scan|Sort /)
  }
})

t.test('with the policies gone, the reads’ own predicates still hold', async (t) => {
  for (const table of ['messaging_conversation', 'messaging_message'])
    await superuser.query(`alter table ${table} disable row level security`)
  t.teardown(async () => {
    for (const table of ['messaging_conversation', 'messaging_message'])
      await superuser.query(`alter table ${table} enable row level security`)
  })
  const rowsOf = (plan: string): string | undefined => /Index Scan[^(]*\(actual rows=([0-9]+)/.exec(plan)?.[1]
  const page = { before_at: '2026-11-21T10:00:00.500Z', before_id: 'ffffffff-ffff-ffff-ffff-ffffffffffff', row_limit: 51 }
  const ask = async (where: string, patient: string, conversation: string): Promise<string | undefined> =>
    rowsOf(await planOf(listMessagesStatement, { agency: where, patient }, { ...page, conversation_id: conversation }))
  t.equal(await ask(agency.a, ana, anas), '1')
  t.equal(await ask(agency.a, ana, bens), '0')
  t.equal(await ask(agency.a, ana, other), '0')
  t.equal(rowsOf(await planOf(listConversationsStatement, { agency: agency.b, patient: ben }, page)), '0')
  t.equal(rowsOf(await planOf(listConversationsStatement, { agency: agency.b, patient: ana }, page)), '1')
})
