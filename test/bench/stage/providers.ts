import pg from 'pg'
import type { BenchDatabase } from './postgres.ts'

/** Every tenth letter of a digest, so that each name is its own and each clinic that of twenty. */
const word = (number: string, length: number): string => `translate(left(md5((${number})::text), ${length}), '0123456789', 'ghijklmnop')`

const providersSql = `
  insert into provider_profile (agency_id, id, status, status_change_id, version, first_name, last_name, specialty, years_of_experience, license,
    license_index, license_last_four_index, email, email_index, phone, clinic_name, clinic_street, clinic_city, clinic_state_province,
    clinic_postal_code, clinic_country, clinic_phone, commission_type, current_rate, documents_status, search_text, sort_name, created_at, created_by,
    updated_at, activity_at, audit_id)
  select $1, gen_random_uuid(), 'active', gen_random_uuid(), 1, 'Marta', initcap(w), 'Dermatologist', 10, '\\x01', sha256(n::text::bytea),
    sha256(n::text::bytea), '\\x01', sha256(n::text::bytea), '\\x01', 'Clinic ' || c, '1 Road', 'Lisbon', 'Lisbon', '1000', 'PT', '+351210000000',
    'percentage', 5 + n % 25, 'complete', 'marta ' || w || E'\\nclinic ' || c, 'marta ' || w, now() - n * interval '1 minute', 'bench', now(), now(),
    gen_random_uuid()
  from generate_series(1, $2::int) n, lateral (select ${word('n', 9)} as w, ${word('n / 20', 8)} as c) v`

const suffixesSql = `
  insert into provider_search_suffix (agency_id, suffix, provider_id)
  select p.agency_id, s, p.id from provider_profile p, provider_search_suffixes(p.search_text) s where p.agency_id = $1`

const tallySql = `
  insert into provider_tally (agency_id, status, documents_status, commission_type, featured, number)
  select agency_id, status, documents_status, commission_type, featured, count(*) from provider_profile where agency_id = $1 group by 1, 2, 3, 4, 5`

const keySql = "select pg_get_constraintdef(oid) as def from pg_constraint where conname = 'provider_search_suffix_pkey'"

/** Runs `work` on a connection past every policy and, unless told, every trigger. */
export const asSuperuser = async <T>({ superuserUrl }: BenchDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 600_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** An agency with so many active providers. @returns the last names of two hundred of them */
export const fillProviders = (database: BenchDatabase, agencyId: string, count: number): Promise<string[]> =>
  asSuperuser(database, async (client) => {
    await client.query('insert into host_agency (id, name) values ($1, $2)', [agencyId, 'Bench'])
    await client.query("set session_replication_role = 'replica'")
    await client.query(providersSql, [agencyId, count])
    // Made in one go, an index costs a fraction of what it does row by row.
    const [key] = (await client.query<{ def: string }>(keySql)).rows
    await client.query('alter table provider_search_suffix drop constraint provider_search_suffix_pkey')
    await client.query(suffixesSql, [agencyId])
    await client.query(`alter table provider_search_suffix add constraint provider_search_suffix_pkey ${key!.def}`)
    await client.query(tallySql, [agencyId])
    await client.query('vacuum (analyze) provider_profile, provider_search_suffix, provider_tally')
    const { rows } = await client.query<{ name: string }>('select last_name as name from provider_profile order by random() limit 200')
    return rows.map(({ name }) => name)
  })
