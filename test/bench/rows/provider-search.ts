import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { compare, onlyExpected } from '../compare.ts'
import { closedLoop, openClients } from '../load/closed-loop.ts'
import { reads } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Candidate, Rig } from '../rig.ts'
import type { BenchDatabase } from '../stage/postgres.ts'
import { percentile } from '../statistics.ts'

const few = 1_000
const many = 100_000
const least = 0.75
const mostMs = 50
const manager = { roles: ['provider_manager'], scope: 'providers:read providers:write providers:verify' }
/** Each may search sixty times a minute. */
const administrators = 400

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

const keySql = "select pg_get_constraintdef(oid) as def from pg_constraint where conname = 'provider_search_suffix_pkey'"

interface Grown {
  readonly server: Candidate
  readonly agencyId: string
  readonly names: readonly string[]
}

const fill = async ({ superuserUrl }: BenchDatabase, agencyId: string, count: number): Promise<string[]> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 600_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('insert into host_agency (id, name) values ($1, $2)', [agencyId, 'Bench'])
    await client.query("set session_replication_role = 'replica'")
    await client.query(providersSql, [agencyId, count])
    // Made in one go, an index costs a fraction of what it does row by row.
    const [key] = (await client.query<{ def: string }>(keySql)).rows
    await client.query('alter table provider_search_suffix drop constraint provider_search_suffix_pkey')
    await client.query(suffixesSql, [agencyId])
    await client.query(`alter table provider_search_suffix add constraint provider_search_suffix_pkey ${key!.def}`)
    await client.query('vacuum (analyze) provider_profile, provider_search_suffix')
    const { rows } = await client.query<{ name: string }>('select last_name as name from provider_profile order by random() limit 200')
    return rows.map(({ name }) => name)
  } finally {
    await client.end().catch(() => {})
  }
}

const grown = async (rig: Rig, name: string, count: number): Promise<Grown> => {
  const database = await rig.postgres.create(name)
  const agencyId = newId()
  const names = await fill(database, agencyId, count)
  return { server: await rig.serve(database, { env: { IP_LIMIT: 'all=1000000/60s,anonymous=60/60s' } }), agencyId, names }
}

/** A part of a name, of a clinic, an address, a licence's last four: what finds few. */
const narrow = (name: string, at: number): string =>
  [`q=${name.slice(2, 8).toLowerCase()}`, `q=${name}`, 'q=nobody%40example.org', `q=A${100 + (at % 900)}`][at % 4]!
/** The default view, a word that every clinic has, the last page: what finds all. */
const wide = (at: number): string => ['', 'q=clinic', 'sort=-createdAt&page=900', 'q=marta&sort=commissionRate'][at % 4]!

const asked = (rig: Rig, { agencyId, names }: Grown, queryOf: (name: string, at: number) => string) => {
  const hats = Array.from({ length: administrators }, () => rig.issuer.token({ sub: newId(), agencyId, patientId: newId() }, manager))
  return hats.map((token, at) => ({ token, path: `/api/admin/providers?${queryOf(names[at % names.length]!, at)}` }))
}

const sideOf = (rig: Rig, one: Grown) => ({
  server: one.server,
  requests: reads(asked(rig, one, narrow), ({ path }) => path),
  expected: 200,
})

/** One administrator after another, each waiting for the answer: one search in four finds everything. */
const tail = async (rig: Rig, large: Grown): Promise<Row> => {
  const mixed = asked(rig, large, (name, at) => (at % 4 === 0 ? wide(at / 4) : narrow(name, at)))
  const clients = await openClients(large.server.port, 1)
  try {
    await closedLoop(clients, reads(mixed, ({ path }) => path), 200, Math.min(2, rig.options.seconds)) // prettier-ignore
    const load = await closedLoop(clients, reads(mixed, ({ path }) => path), 200, rig.options.seconds) // prettier-ignore
    onlyExpected(load)
    const value = percentile(load.latenciesMs, 0.95)
    rig.note(
      `    p50 ${percentile(load.latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(load.latenciesMs, 0.99).toFixed(1)} ms, ${load.answers} searches`,
    )
    return {
      name: 'p95 of a search of 10^5 providers',
      value,
      unit: 'ms',
      reference: null,
      ratio: null,
      must: `<= ${mostMs} ms`,
      holds: value <= mostMs,
    }
  } finally {
    clients.close()
  }
}

/** Searches of a hundred thousand providers of one agency, beside the same searches of a thousand. @see FR-015 SC-008 */
export const providerSearch = async (rig: Rig): Promise<Row[]> => {
  const small = await grown(rig, 'search_small', few)
  rig.note(`    writing ${many} providers`)
  const large = await grown(rig, 'search_large', many)
  try {
    const p95 = await tail(rig, large)
    const { value, reference, ratio } = await compare(rig, sideOf(rig, large), sideOf(rig, small))
    const must = `ratio >= ${least}`
    return [p95, { name: 'growth, provider search at 10^5 to 10^3', value, unit: 'req/s', reference, ratio, must, holds: ratio >= least }]
  } finally {
    await Promise.all([small.server.stop(), large.server.stop()])
  }
}
