import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { testDatabase } from '../database.ts'
import { runScript } from '../house/service-process.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'postern-cli-'))
t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))

/** In a production-like place: a database of one's own, nothing embedded. */
const npmRun = (name: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  runScript(name, args, { env: { DATA_DIR: dataDir, ...env } })

const usage = `npm run agency -- add --name NAME [--id UUID] [--modules billing,dea]
npm run agency -- modules --id UUID --modules billing,dea
`
const hill = '01920000-0000-7000-8000-a00000000009'

t.test('npm run agency adds an agency and sets its modules, audited', async (t) => {
  const { ownerUrl, appUrl, superuserUrl } = await testDatabase(t)
  const env = { DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl }
  const agency = (...args: string[]) => npmRun('agency', args, env)

  t.same(await agency('add', '--name', 'Hill', '--id', hill, '--modules', 'dea'), { code: 0, out: `Added ${hill}.\n`, err: '' })
  t.same(await agency('add', '--name', 'Other', '--id', hill), { code: 0, out: `${hill} exists already; nothing was changed.\n`, err: '' })
  t.same(await agency('modules', '--id', hill, '--modules', 'billing,dea'), { code: 0, out: `Set billing, dea for ${hill}.\n`, err: '' })
  t.match((await agency('add', '--name', 'Dale')).out, /^Added [0-9a-f-]{36}\.\n$/, 'an id is made where none is given')

  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  const rows = async (sql: string) => (await client.query({ text: sql, rowMode: 'array' })).rows
  t.same(await rows(`select name, modules from host_agency where id = '${hill}'`), [['Hill', ['billing', 'dea']]])
  t.same(await rows(`select action, outcome, role, entity_id from audit_event where agency_id = '${hill}' order by seq`), [
    ['agency.add', 'success', 'owner', hill],
    ['agency.modules', 'success', 'owner', hill],
  ])
  await client.end()

  const absent = '01920000-0000-7000-8000-a0000000000f'
  const refusals: readonly (readonly [readonly string[], string])[] = [
    [['modules', '--id', absent], `There is no agency ${absent}.\n`],
    [['add', '--name', ' '], `Say what to do.\n${usage}`],
    [['modules', '--id', hill, '--modules', 'billing,payroll'], `A module is one of billing, dea.\n${usage}`],
  ]
  const said = await Promise.all(refusals.map(([args]) => agency(...args)))
  for (const [index, [args, err]] of refusals.entries()) t.same(said[index], { code: 2, out: '', err }, args.join(' '))
})

t.test('npm run job runs a job as on a day, and says what it cannot', async (t) => {
  const { ownerUrl, appUrl, superuserUrl } = await testDatabase(t)
  const env = { DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl, LOG_LEVEL: 'silent' }
  await npmRun('agency', ['add', '--name', 'Hill', '--id', hill], env)
  const job = (...args: string[]) => npmRun('job', args, env)
  const [ran, unknown, noDay, noJob] = await Promise.all([
    job('document-reminders', '--at', '2026-11-22'), job('nothing'), job('document-reminders', '--at', '2026-02-30'), job(),
  ]) // prettier-ignore
  t.match(ran, { code: 0, out: `${hill}: done, 0 changed.\ndocument-reminders as on 2026-11-22.` })
  t.match(unknown, { code: 2, out: '', err: /^There is no job nothing\. There are: .*document-reminders/ })
  t.match(noDay, { code: 2, err: /^--at is a day, YYYY-MM-DD\.\nnpm run job -- NAME/ })
  t.match(noJob, { code: 2, err: /^Say which job\.\n/ })
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  const { rows } = await client.query("select job, to_char(date, 'YYYY-MM-DD') as date, state, batches from host_job_run")
  await client.end()
  t.same(rows, [{ job: 'document-reminders', date: '2026-11-22', state: 'done', batches: 1 }])
})

t.test('npm run migrate brings an empty database to the schema, once', async (t) => {
  const { ownerUrl, appUrl } = await testDatabase(t, { migrations: [] })
  const env = { DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl }
  const first = await npmRun('migrate', [], env)
  t.match(first, { code: 0, err: '', out: /^Applied: \S.*messaging.*\. The compiled gates are in place\.\n$/ })
  t.same(await npmRun('migrate', [], env), { code: 0, out: 'Up to date. The compiled gates are in place.\n', err: '' })
})

t.test('what is missing or out of reach is said in one sentence, without a stack', async (t) => {
  const nowhere = 'postgres://postern_owner:secret@127.0.0.1:1/postern'
  const missing = 'DATABASE_MIGRATION_URL is missing: the address of the database as its owner.\n'
  t.same(await npmRun('migrate', [], { DATABASE_URL: nowhere }), { code: 2, out: '', err: missing })
  const { code, err } = await npmRun('agency', ['add', '--name', 'Hill'], { DATABASE_URL: nowhere, DATABASE_MIGRATION_URL: nowhere })
  t.equal(code, 2)
  t.match(err, /^[^\n]*ECONNREFUSED[^\n]*\n$/)
  t.notMatch(err, 'secret')
  t.match(await npmRun('migrate', [], { DATABASE_URL: 'mysql://here' }), {
    code: 2,
    err: /^The environment cannot be used:\n {2}DATABASE_URL /,
  })
})
