import { Migration } from '@mikro-orm/migrations'
import pg from 'pg'
import t from 'tap'
import { migrate } from '../../../plugins/host/database/migrate.ts'
import { roleNames, type RoleKey } from '../../../plugins/host/database/roles.ts'
import { tenantTable } from '../../../plugins/host/database/tenant-table.ts'
import { Roles } from '../../../plugins/host/migrations/0001-roles.ts'
import { IdempotencyKey } from '../../../plugins/host/migrations/0002-idempotency-key.ts'
import { testDatabase } from '../../database.ts'

const [riverside, lakeside] = ['01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002']
const [ana, ben] = ['01900000-0000-7000-8000-00000000000a', '01900000-0000-7000-8000-00000000000b']
const row = (n: number): string => `01900000-0000-7000-9000-${String(n).padStart(12, '0')}`

class Samples extends Migration {
  override up(): void {
    this.addSql(`create table sample (
      agency_id uuid not null, id uuid not null, patient_id uuid, author text, note text, primary key (agency_id, id))`)
    const everything = ['select', 'insert', 'update', 'delete'] as const
    const grants = {
      read: ['select'],
      draft: ['select', 'insert', 'update (note)'],
      advise: ['select', 'insert'],
      write: everything,
      admin: everything,
      gate: everything,
      auditWriter: ['insert'],
      auditReader: ['select'],
    } as const
    const sql = tenantTable({ table: 'sample', grants, patientColumn: 'patient_id', authorColumn: 'author', bypass: true })
    for (const statement of sql) this.addSql(statement)
  }
}

const foundation = [
  { name: '0001-roles', class: Roles },
  { name: '0002-idempotency-key', class: IdempotencyKey },
]
const migrations = [...foundation, { name: 'sample', class: Samples }]

const connect = async (test: { teardown(work: () => unknown): unknown }, url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  test.teardown(() => client.end())
  return client
}

interface Session {
  readonly role?: RoleKey
  readonly agency?: string
  readonly patient?: string
  readonly actor?: string
}

/** Runs one statement in a transaction of its own and rolls it back: rows, or how many it touched. */
const as = async (client: pg.Client, session: Session, text: string, values: unknown[] = []): Promise<pg.QueryResult> => {
  await client.query('begin')
  try {
    const told = {
      role: session.role && roleNames[session.role],
      'app.current_agency': session.agency,
      'app.current_patient': session.patient,
      'app.current_actor': session.actor,
    }
    for (const [name, value] of Object.entries(told))
      if (value !== undefined) await client.query('select set_config($1, $2, true)', [name, value])
    return await client.query(text, values)
  } finally {
    await client.query('rollback')
  }
}

const denied = { code: '42501' }
const insert = 'insert into sample (agency_id, id, patient_id, author, note) values ($1, $2, $3, $4, $5)'

const seeded = async (test: { teardown(work: () => unknown): unknown }) => {
  const database = await testDatabase(test, { migrations })
  const superuser = await connect(test, database.superuserUrl)
  await superuser.query("insert into host_agency (id, name) values ($1, 'Riverside'), ($2, 'Lakeside')", [riverside, lakeside])
  const rows = [
    [riverside, 1, ana, 'mine'],
    [riverside, 2, ben, 'mine'],
    [riverside, 3, ana, 'theirs'],
    [lakeside, 4, ana, 'mine'],
  ] as const
  for (const [agency, id, patient, author] of rows) await superuser.query(insert, [agency, row(id), patient, author, 'seeded'])
  return { database, app: await connect(test, database.appUrl) }
}

t.test('the transaction says whose rows it may see', async (t) => {
  const { app, database } = await seeded(t)
  const ids = async (session: Session): Promise<string[]> =>
    (await as(app, session, 'select id from sample order by id')).rows.map(({ id }) => id)

  for (const role of ['read', 'write', 'admin', 'gate', 'advise', 'auditReader'] as const) {
    t.same(await ids({ role, agency: riverside }), [row(1), row(2), row(3)], `${role}: its agency`)
    t.same(await ids({ role, agency: lakeside }), [row(4)], `${role}: the other one`)
  }
  const contexts = [
    undefined,
    '',
    ' ',
    'not-an-agency',
    `{${riverside}}`,
    `${riverside}x`,
    '01900000000070008000000000000001',
    `${riverside}' or true --`,
  ]
  for (const agency of contexts)
    await t.rejects(ids({ role: 'read', agency }), denied, `agency ${JSON.stringify(agency)} is rejected, not empty`)
  await t.rejects(as(app, { role: 'write' }, insert, [riverside, row(9), null, null, null]), denied, 'nor written to')

  await t.rejects(ids({ agency: riverside }), denied, 'the login by itself sees nothing')
  await t.rejects(ids({ role: 'public', agency: riverside }), denied, 'nor does the public role')
  await t.rejects(app.query('set role postern_owner'), denied, 'nor can it become the owner')
  await t.rejects(app.query('set role postern_bypass'), denied, 'or the bypass')
  await t.rejects(app.query('create table mine ()'), denied, 'or create anything')
  await t.rejects(app.query('create temporary table host_agency ()'), denied, 'not even for itself')

  const owner = await connect(t, database.ownerUrl)
  t.equal((await as(owner, { agency: riverside }, 'select * from sample')).rowCount, 0, 'row security is forced on the owner')

  await app.query('begin')
  await app.query("select set_config('role', 'postern_read', true), set_config('app.current_agency', $1, true)", [riverside])
  await app.query('commit')
  t.same(
    (await app.query("select current_user::text as who, current_setting('app.current_agency', true) as agency")).rows,
    [{ who: 'postern_app', agency: '' }],
    'nothing outlives the transaction',
  )

  const plan = (await as(app, { role: 'read', agency: riverside }, 'explain select * from sample')).rows
    .map((line) => line['QUERY PLAN'])
    .join('\n')
  t.match(plan, /InitPlan/, 'the agency is asked for once per statement')
  t.match((await app.query('show plan_cache_mode')).rows[0], { plan_cache_mode: 'force_generic_plan' })
})

t.test('nobody writes into another agency', async (t) => {
  const { app } = await seeded(t)
  const foreign = [lakeside, row(9), null, 'me', 'foreign']
  for (const role of ['draft', 'advise', 'write', 'admin', 'gate', 'auditWriter'] as const) {
    const session = { role, agency: riverside, actor: 'me' }
    await t.rejects(as(app, session, insert, foreign), denied, `${role}: insert`)
    t.equal((await as(app, session, insert, [riverside, ...foreign.slice(1)])).rowCount, 1, `${role}: its own`)
  }
  for (const role of ['write', 'admin', 'gate'] as const) {
    const session = { role, agency: riverside }
    await t.rejects(as(app, session, 'update sample set agency_id = $1', [lakeside]), denied, `${role}: moving a row away`)
    t.equal((await as(app, session, 'update sample set note = $1 where id = $2', ['', row(4)])).rowCount, 0, `${role}: update`)
    t.equal((await as(app, session, 'delete from sample where id = $1', [row(4)])).rowCount, 0, `${role}: delete`)
    t.equal((await as(app, session, 'delete from sample')).rowCount, 3, `${role}: its own`)
  }
  for (const role of ['read', 'auditReader'] as const) {
    await t.rejects(
      as(app, { role, agency: riverside }, insert, [riverside, ...foreign.slice(1)]),
      denied,
      `${role}: writes nothing at all`,
    )
    await t.rejects(as(app, { role, agency: riverside }, "update sample set note = ''"), denied, `${role}: changes nothing at all`)
  }
  await t.rejects(as(app, { role: 'auditWriter', agency: riverside }, 'select * from sample'), denied, 'the audit writer cannot read')
  await t.rejects(as(app, { role: 'draft', agency: riverside }, "update sample set author = ''"), denied, 'columns that are not granted')
  await t.rejects(as(app, { role: 'admin', agency: riverside }, 'truncate sample'), denied, 'nobody truncates')
})

t.test("a patient's session and an author's", async (t) => {
  const { app } = await seeded(t)
  const patient: Session = { role: 'write', agency: riverside, patient: ana }
  t.same((await as(app, patient, 'select id from sample order by id')).rows, [{ id: row(1) }, { id: row(3) }], 'sees its own')
  t.equal((await as(app, { ...patient, patient: '' }, 'select id from sample')).rowCount, 3, 'staff is not bound')
  t.equal((await as(app, patient, "update sample set note = 'x'")).rowCount, 2, 'changes its own')
  t.equal((await as(app, patient, 'delete from sample where patient_id = $1', [ben])).rowCount, 0, "not another's")
  await t.rejects(as(app, patient, insert, [riverside, row(9), ben, null, null]), denied, 'writes for nobody else')
  await t.rejects(as(app, patient, insert, [riverside, row(9), null, null, null]), denied, 'nor for nobody')
  await t.rejects(as(app, patient, 'update sample set patient_id = $1', [ben]), denied, 'nor hands a row over')
  t.equal((await as(app, { ...patient, agency: lakeside }, 'select id from sample')).rowCount, 1, 'and the agency holds beside it')
  for (const malformed of ['ana', `${ana}0`])
    await t.rejects(as(app, { ...patient, patient: malformed }, 'select id from sample'), denied, 'malformed')

  const author: Session = { role: 'draft', agency: riverside, actor: 'mine' }
  t.same((await as(app, author, 'select id from sample order by id')).rows, [{ id: row(1) }, { id: row(2) }], 'an author sees their own')
  t.equal((await as(app, author, "update sample set note = 'x'")).rowCount, 2)
  t.equal((await as(app, { role: 'draft', agency: riverside }, 'select id from sample')).rowCount, 0, 'no author: nothing')
  await t.rejects(as(app, author, insert, [riverside, row(9), null, 'theirs', null]), denied, 'nobody writes in another name')
  t.same((await as(app, { role: 'read', actor: '' }, 'select current_actor() as actor')).rows, [{ actor: null }])
})

t.test('the bypass reads everything that it is shown, and changes nothing', async (t) => {
  const { app, database } = await seeded(t)
  const bypass = await connect(t, database.bypassUrl)
  t.equal((await bypass.query('select * from sample')).rowCount, 4)
  t.equal((await bypass.query('select * from host_agency')).rowCount, 2)
  await t.rejects(bypass.query('select * from host_idempotency_key'), denied, 'keys are nobody else’s')
  await t.rejects(bypass.query('select * from host_migration'), denied)
  await t.rejects(bypass.query('delete from sample'), { code: /^(25006|42501)$/ })
  await bypass.query('set default_transaction_read_only = off')
  for (const text of ['delete from sample', "update sample set note = ''", 'insert into sample default values']) {
    await t.rejects(bypass.query(text), denied, text)
  }
  await t.rejects(as(app, { role: 'read', agency: riverside }, 'select * from host_idempotency_key'), denied, 'keys are the gate’s alone')
  t.equal((await as(app, { role: 'gate', agency: riverside }, 'select * from host_idempotency_key')).rowCount, 0)
})

t.test('the agencies', async (t) => {
  const { app } = await seeded(t)
  t.match((await as(app, { role: 'read', agency: lakeside }, 'select id, name, modules from host_agency')).rows, [
    { id: lakeside, name: 'Lakeside', modules: [] },
  ])
  const add = `insert into host_agency (id, name) values ('${row(1)}', 'x')`
  for (const role of ['write', 'admin', 'gate'] as const) {
    await t.rejects(as(app, { role, agency: row(1) }, add), denied, `${role} adds none`)
    await t.rejects(as(app, { role, agency: riverside }, "update host_agency set modules = '{dea}'"), denied, `${role} changes none`)
  }
})

t.test('migrations', async (t) => {
  const { ownerUrl, appUrl } = await testDatabase(t, { migrations: [] })
  const names = migrations.map(({ name }) => name)
  const results = await Promise.all([1, 2, 3].map(() => migrate({ url: ownerUrl, migrations })))
  t.same(
    results.filter(({ length }) => length > 0),
    [names],
    'of three at once, one applies them, in order',
  )
  t.same(await migrate({ url: ownerUrl, migrations }), [], 'and then there is nothing to do')

  class Broken extends Migration {
    override up(): void {
      this.addSql('create table half_made ()')
      this.addSql('create table host_agency ()')
    }
  }
  class Before extends Migration {
    override up(): void {
      this.addSql("create table before_it (value text default '?')")
    }
  }
  const broken = [...migrations, { name: 'before', class: Before }, { name: 'broken', class: Broken }]
  await t.rejects(migrate({ url: ownerUrl, migrations: broken }), { code: '42P07' })
  const owner = await connect(t, ownerUrl)
  t.same(
    (await owner.query("select to_regclass('half_made') as half, to_regclass('before_it') as before")).rows,
    [{ half: null, before: null }],
    'a step that fails takes all pending ones back with it',
  )
  t.same(await migrate({ url: ownerUrl, migrations: broken.slice(0, -1) }), ['before'], 'the rest can be tried again')

  await t.rejects(migrate({ url: ownerUrl, migrations: [...migrations, ...migrations] }), /Two migrations are named 0001-roles/)
  await t.rejects(migrate({ url: appUrl, migrations: broken }), denied, 'not as the service’s login')
  await owner.query('select pg_advisory_lock(5067001)')
  await t.rejects(migrate({ url: ownerUrl, migrations, timeoutMs: 50 }), { code: '55P03' }, 'waits for another no longer than told')
})

t.test('a table is declared in plain names', async (t) => {
  t.throws(() => tenantTable({ table: 'x; drop table y', grants: {} }), /no plain identifier/)
  t.throws(() => tenantTable({ table: 'x', patientColumn: 'a or true', grants: {} }), /no plain identifier/)
  t.throws(() => tenantTable({ table: 'x', grants: { read: [] } }), /leave the role out/)
  t.throws(() => tenantTable({ table: 'x', grants: { read: ['truncate' as 'select'] } }), /no privilege/)
})
