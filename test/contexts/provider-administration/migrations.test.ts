import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { searchable } from '../../../domain/provider-administration/index.ts'
import { providerMigrations } from '../../../plugins/contexts/provider-administration/provider-administration.migrations.ts'
import { migrate } from '../../../plugins/host/database/migrate.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase } from '../../database.ts'
import { databaseSession } from '../database-session.ts'

const before = providerMigrations.findIndex(({ name }) => name.endsWith('-plain-letters'))
const agency = newId()

/** What nobody looks at here, but an account that is no draft has. */
const complete = {
  first_name: 'A', specialty: 'S', years_of_experience: 1, license: Buffer.of(1), license_index: Buffer.of(1), license_last_four_index: Buffer.of(1),
  phone: Buffer.of(1), clinic_name: 'C', clinic_street: 'S', clinic_city: 'C', clinic_state_province: 'S',
  clinic_postal_code: '1', clinic_country: 'PL', clinic_phone: '+351210000000', commission_type: 'percentage', current_rate: 10,
} // prettier-ignore

/** As names were kept before: marks apart, letters as they are. */
const keptOnce = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()

const names = ['Łódź', 'Yıldız', 'Χρίστος', 'Bjørn', 'Đorđe', 'Guðrún', 'Ħal', 'Ŧuŧ', 'Þór', 'Ægir', 'Œuvre', 'Strauß', 'José']

t.test('what was kept with letters of its own is found as it is typed, whatever became of the account', async (t) => {
  const steps = [...hostMigrations, ...providerMigrations.slice(0, before)]
  const database = await testDatabase(t, { migrations: steps })
  const { superuser, insert } = await databaseSession(t, database)
  await superuser.query('insert into host_agency (id, name) values ($1, $2)', [agency, 'A'])
  const at = '2026-11-21T10:00:00Z'
  await superuser.query("set session_replication_role = 'replica'")
  const ids = new Map(names.map((name) => [newId(), name]))
  for (const [id, name] of ids)
    await insert('provider_profile', {
      agency_id: agency, id, status: 'draft', status_change_id: newId(), version: 1, ...complete, email: Buffer.from(id), email_index: Buffer.from(id), last_name: name, search_text: keptOnce(name),
      sort_name: keptOnce(name), created_at: at, created_by: 'ada', updated_at: at, activity_at: at, audit_id: newId(),
    }) // prettier-ignore
  const [first, second] = [...ids.keys()]
  await superuser.query(
    'insert into provider_search_suffix select p.agency_id, s, p.id from provider_profile p, provider_search_suffixes(p.search_text) s',
  )
  await superuser.query(
    `insert into provider_featured (agency_id, id, display_name, specialty, clinic_name, city, country, clinic_phone, search_text, updated_at)
     values ($1, $2, 'Dr. Łódź', 'S', 'C', 'C', 'PL', '+351210000000', 'łodz', $3)`,
    [agency, first, at],
  )
  await superuser.query("update provider_profile set status = 'deactivated', deactivated_at = $2 where id = $1", [second, at])
  await superuser.query("set session_replication_role = 'origin'")

  await migrate({ url: database.ownerUrl, migrations: [...hostMigrations, ...providerMigrations] })

  const kept = await superuser.query<{ id: string; search_text: string; sort_name: string; version: number }>(
    'select id, search_text, sort_name, version from provider_profile',
  )
  for (const { id, ...row } of kept.rows) {
    const text = searchable(ids.get(id)!)
    t.same(row, { search_text: text, sort_name: text, version: 1 })
  }
  const found = await superuser.query<{ id: string }>("select provider_id as id from provider_search_suffix where suffix = 'lodz'")
  t.same(found.rows, [{ id: first }])
  const old = await superuser.query("select 1 from provider_search_suffix where suffix ~ '[ßæœþøđðħıłŧς]'")
  t.equal(old.rowCount, 0)
  t.match((await superuser.query('select search_text from provider_featured')).rows, [{ search_text: 'lodz' }])
  const open = await superuser.query(
    "select 1 from pg_class where relname like 'provider\\_%' and relkind = 'r' and not (relrowsecurity and relforcerowsecurity)",
  )
  t.equal(open.rowCount, 0, 'every table is closed again')
  const rename = superuser.query("update provider_profile set last_name = 'x' where id = $1", [second])
  await t.rejects(rename, { code: 'PT409' }, 'and guarded')
})
