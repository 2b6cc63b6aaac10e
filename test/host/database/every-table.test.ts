import pg from 'pg'
import t from 'tap'
import { defaultExpectation } from '../../../plugins/host/database/isolation-expectation.ts'
import { allRoles, queueReads, roleNames } from '../../../plugins/host/database/roles.ts'
import { testDatabase } from '../../database.ts'
import { copied, tryAll, tryWithin } from './crossing/attempts.ts'
import { functionCrossings, keyCrossings, powerCrossings, rowCrossings, type Sides } from './crossing/crossings.ts'
import { readGrants } from './crossing/grants.ts'
import { digestOf, insertOf, marksOf, rowsOf, seed } from './crossing/seed.ts'
import { isTable, readTables, type Table } from './crossing/tables.ts'
import { here, mayReadAll } from './crossing/sessions.ts'
import type { Stage } from './crossing/try-rows.ts'

/**
 * Layer 1 of FusionEMS part 4, tried out on every table that the catalogue has: none is named here, so that one that is added tomorrow
 * is tried tomorrow. A session of the runtime login can set its own context, since the host does so for it: what keeps a context's
 * statement from that is the host's guard, proved in isolation-end-to-end.test.ts.
 */
const database = await testDatabase(t)
const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 60_000 })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}
const superuser = await connect(database.superuserUrl)
const app = await connect(database.appUrl)

const undone = async <T>(client: pg.Client, work: () => Promise<T>): Promise<T> => {
  await client.query('begin read write')
  try {
    return await work()
  } finally {
    await client.query('rollback')
  }
}

const stageOf = async (only: (table: Table) => boolean = () => true): Promise<Stage> => {
  const tables = (await readTables(superuser)).filter(only)
  const names = tables.map(({ name }) => name)
  return { tables, rows: await rowsOf(superuser, tables), grants: await readGrants(superuser, names) }
}
const stage = await stageOf()
const tables = stage.tables.filter(isTable)
await superuser.query('begin')
await seed(superuser, tables, stage.rows)
await superuser.query('commit; analyze')

/** The runtime login on its own connection; what it did is undone after each round. */
const sides: Sides = { superuser, try: (attempts) => tryAll(app, attempts) }

/** The runtime login on the superuser's connection, so that what has not been committed can be looked at. */
const watched: Sides = {
  superuser,
  async try(attempts, keep) {
    await superuser.query('set local session authorization postern_app')
    try {
      return await tryWithin(superuser, attempts, keep)
    } finally {
      await superuser.query('reset session authorization')
    }
  },
}

t.test('every table and view, by every statement and every role: nothing crosses', async (t) => {
  t.ok(tables.filter(({ agency }) => agency !== null).length >= 12, `${tables.length} tables`)
  t.same(await rowCrossings(sides, stage), [])
})

t.test('no key tells what another agency has from what nobody has', async (t) => {
  t.same(await keyCrossings(sides, stage), [])
})

t.test('no function shows or changes what another agency has', async (t) => {
  await undone(superuser, async () => {
    const before = await digestOf(superuser, tables, 2)
    t.same(await functionCrossings(watched), [])
    t.equal(await digestOf(superuser, tables, 2), before, 'it stands as it was')
  })
})

t.test('no other role, no shared counter, no switch', async (t) => {
  // How often switches have moved is the platform's and says nothing of an agency; who counts on makes others read their switch again.
  t.same(await powerCrossings(sides), [
    'postern_gate counts on (host_switch_moves): was answered with success',
    'postern_gate looks how far it is (host_switch_moves): was answered with success',
  ])
})

t.test('who reads over all agencies reads the columns that were declared, and writes nothing there', async (t) => {
  for (const [table, columns] of Object.entries(queueReads)) {
    const { select, insert, update } = stage.grants(table, roleNames.queue)
    t.same([select, insert, update], [columns.toSorted(), [], []], table)
  }
})

t.test('COPY shows a role what it may read, and takes nothing in', async (t) => {
  const [mine, theirs] = [new RegExp(marksOf(1)), new RegExp(marksOf(2))]
  const copy = (role: string, statement: string): Promise<string> =>
    undone(app, async () => {
      const settings = Object.entries({ ...here, role }).map(([name, value]) => `set_config('${name}', '${value}', true)`)
      await app.query(`select ${settings.join()}`)
      return copied(app, statement)
    })
  for (const { name, agency, kind } of tables.filter((table) => table.agency !== null)) {
    for (const role of allRoles.filter((one) => stage.grants(name, one).select.includes(agency!) && !mayReadAll(name, one))) {
      const columns = stage.grants(name, role).select.join()
      const text = await copy(role, `copy ${kind === 'p' ? `(select ${columns} from ${name})` : `${name} (${columns})`} to stdout`)
      t.ok(mine.test(text) && !theirs.test(text), `${role} copies ${name}`)
    }
    for (const role of allRoles.filter((one) => stage.grants(name, one).insert.length > 0))
      t.equal(await copy(role, `copy ${name} from stdin`), '0A000', `${role} copies into ${name}: not where row security is`)
  }
})

t.test('the planner’s notes of everybody’s values are nobody’s', async (t) => {
  // Tables of reference hold no agency's values, save those of this test.
  const nobodys = defaultExpectation.reference.map((name) => `'${name}'`).join()
  const sql = `select * from pg_stats where schemaname = 'public' and tablename not in (${nobodys})`
  const attempts = [...allRoles, null].map((role) => ({ what: 'notes', role, settings: here, kind: 'read', sql }) as const)
  t.same(
    (await tryAll(app, attempts)).filter(({ foreign, code }) => foreign || code),
    [],
  )
  t.match(await tryAll(superuser, [attempts.at(-1)!]), [{ foreign: true }], 'though there are some')
})

t.test('the bypass reads, and does nothing else', async (t) => {
  const bypass = await connect(database.bypassUrl)
  const statements = tables.flatMap(({ name, columns }) => {
    const all = columns.map((column) => column.name)
    const hidden = defaultExpectation.hiddenFromBypass.includes(name) ? [`select * from ${name}`] : []
    return [
      ...hidden,
      insertOf(name, stage.rows[name]![1], all),
      `update ${name} set "${all[0]}" = "${all[0]}"`,
      `delete from ${name}`,
      `truncate ${name}`,
    ]
  })
  const becoming = allRoles.map((role) => `do $$ begin perform set_config('role', '${role}', true); end $$`)
  const attempts = [...statements, ...becoming].map((sql) => ({ what: sql, role: null, settings: {}, kind: 'write', sql }) as const)
  const outcomes = await tryAll(bypass, attempts)
  t.same(
    attempts.filter((_, index) => outcomes[index]!.code !== '42501').map(({ sql }) => sql),
    [],
  )
})

const agencyOnly = 'agency_id = (select current_agency())'
const tenant = (table: string): string =>
  `alter table ${table} enable row level security; alter table ${table} force row level security; grant select, insert, update on ${table} to postern_write;
   create policy ${table}_write on ${table} to postern_write using (${agencyOnly}) with check (${agencyOnly})`

/** Holes, by who must find them and in what words. Tables that are made here are found and seeded like any. */
const holes: Readonly<Record<'rows' | 'keys' | 'functions' | 'powers', Readonly<Record<string, RegExp>>>> = {
  rows: {
    'create table planted (agency_id uuid not null, id uuid primary key); grant select on planted to postern_read': /read reads \(planted\): .* rows of another/,
    'create table planted (id uuid primary key); grant select on planted to postern_read': /holds what has no agency \(planted\)/,
    'create view planted as select * from consent_record; grant select on planted to postern_read': /read reads \(planted\): .* rows of another/,
    'alter table consent_record disable row level security': /read asks for rows of another agency \(consent_record\)/,
    'alter policy consent_record_read on consent_record using (true)': /read asks for rows of another agency \(consent_record\)/,
    'drop policy consent_record_patient on consent_record': /read reads as a patient of its agency who is in no row \(consent_record\)/,
    'alter policy consent_record_write on consent_record with check (true)': /write adds a row of another agency \(consent_record\)/,
    "create or replace function current_agency() returns uuid language sql stable return nullif(current_setting('app.current_agency', true), '')::uuid":
      /reads without a context \(consent_record\)/,
    'grant select on audit_event_default to postern_audit_reader': /audit_reader must|audit_reader reads/,
  },
  keys: {
    [`create table planted (agency_id uuid not null, id uuid primary key); ${tenant('planted')}`]:
      /write adds by planted_pkey \(planted\): 23505 planted_pkey for another agency's, 1 rows for nobody's/,
    [`create table planted (agency_id uuid not null, id uuid not null unique, up uuid references planted (id), primary key (agency_id, id)); ${tenant('planted')}`]:
      /write changes by planted_up_fkey \(planted\): 1 rows for another agency's, 23503 planted_up_fkey for nobody's/,
  },
  functions: {
    "create function planted() returns setof consent_record language sql security definer as 'select * from consent_record'; grant execute on function planted to postern_write":
      /write planted\(\): showed what another agency has/,
    'grant execute on function op_list_consents to postern_read': /read may call op_list_consents/,
  },
  powers: {
    'create sequence planted; grant usage on sequence planted to postern_write': /write counts on \(planted\)/,
    'grant pg_read_all_data to postern_app': /becomes pg_read_all_data/,
  },
} // prettier-ignore

const crossings = { rows: rowCrossings, keys: keyCrossings, functions: functionCrossings, powers: powerCrossings } as const

t.test('each hole is found: no attempt passes for nothing', async (t) => {
  for (const [kind, planted] of Object.entries(holes) as [keyof typeof holes, Record<string, RegExp>][])
    for (const [hole, sentence] of Object.entries(planted)) {
      const found = await undone(superuser, async () => {
        await superuser.query(hole)
        const made = await stageOf(({ name }) => name === 'planted')
        await seed(superuser, made.tables, made.rows)
        return crossings[kind](watched, await stageOf(({ name }) => ['planted', 'consent_record', 'audit_event_default'].includes(name)))
      })
      t.ok(
        found.some((one) => sentence.test(one)),
        `${hole}: ${found[0] ?? 'nothing'}`,
      )
    }
  const unknown = undone(superuser, async () => {
    await superuser.query('create table planted (agency_id uuid not null, at point)')
    const made = await stageOf(({ name }) => name === 'planted')
    return seed(superuser, made.tables, made.rows)
  })
  await t.rejects(unknown, { message: 'There is no example of the type point.' }, 'a table that cannot be seeded fails')
})
