import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { createFieldCipher, type KeySet } from '../../../plugins/host/crypto/index.ts'
import { deaNumber } from '../../fixtures/dea-cms.ts'
import { compare } from '../compare.ts'
import { reads } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Candidate, Rig } from '../rig.ts'
import type { BenchDatabase } from '../stage/postgres.ts'

/** Agencies whose officers read, on both sides, since each has an audit chain of its own. */
const readers = 20
const few = { agencies: readers, each: 50 }
const least = 0.75
const officer = { roles: ['compliance_officer'], scope: 'dea:view' }
const founder = { roles: ['founder'], scope: 'dea:view' }

interface Office {
  readonly agencyId: string
  readonly ids: readonly string[]
}

const agenciesSql = "insert into host_agency (id, name) select id, 'Bench' from unnest($1::uuid[]) id"
const recordsSql = `
  insert into dea_registrant_metadata (agency_id, id, version, created_at, updated_at, audit_id, registrant_name, dea_registration_number,
    authorized_schedules, registration_status, issue_date, expiration_date)
  select $1, g.id, 1, now() - g.n * interval '1 minute', now(), gen_random_uuid(), g.name, g.number,
    array['II', 'IV'], 'active', '2024-01-01', current_date + (g.n * 3)::int
  from unnest($2::uuid[], $3::bytea[], $4::text[]) with ordinality g (id, name, number, n)`

interface Size {
  readonly agencies: number
  /** Records of each. */
  readonly each: number
}

const fill = async ({ superuserUrl }: BenchDatabase, keys: KeySet, { agencies, each }: Size): Promise<Office[]> => {
  const numbers = Array.from({ length: each }, (_, n) => deaNumber(n))
  const cipher = createFieldCipher(keys)
  const place = (agencyId: string, rowId: string) => ({ table: 'dea_registrant_metadata', column: 'registrant_name', agencyId, rowId })
  const offices = Array.from({ length: agencies }, () => ({ agencyId: newId(), ids: numbers.map(() => newId()) }))
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 600_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(agenciesSql, [offices.map(({ agencyId }) => agencyId)])
    for (const { agencyId, ids } of offices)
      await client.query(recordsSql, [agencyId, ids, ids.map((id) => cipher.seal('Riverside Station 4', place(agencyId, id))), numbers])
    await client.query('vacuum (analyze) dea_registrant_metadata')
  } finally {
    await client.end().catch(() => {})
  }
  return offices.slice(0, readers)
}

interface Grown {
  readonly server: Candidate
  readonly offices: readonly Office[]
}

const grown = async (rig: Rig, name: string, size: Size): Promise<Grown> => {
  const database = await rig.postgres.create(name)
  const offices = await fill(database, rig.keys.fields, size)
  return { server: await rig.serve(database), offices }
}

/** A page, a record and the alerts in turn, by the officer of one agency after another. */
const sideOf = (rig: Rig, { server, offices }: Grown) => {
  const paths = (ids: readonly string[], at: number) => [
    '/api/dea/metadata?limit=10',
    `/api/dea/metadata/${ids[(at * 37) % ids.length]}`,
    '/api/dea/expiration-alerts?withinDays=365&limit=10',
  ]
  const asked = offices.flatMap(({ agencyId, ids }, at) => {
    const token = rig.issuer.token({ sub: newId(), agencyId, patientId: newId() }, officer)
    return paths(ids, at).map((path) => ({ token, path }))
  })
  return { server, requests: reads(asked, ({ path }) => path), expected: 200 }
}

const everywhere = 'x-agency: *\r\nx-access-reason: Quarterly review of registrations\r\n'

/** A page and the alerts in turn, by founders who read all agencies at once. */
const acrossOf = (rig: Rig, { server, offices }: Grown) => {
  const asked = offices.flatMap(({ agencyId }) => {
    const token = rig.issuer.token({ sub: newId(), agencyId, patientId: newId() }, founder)
    return ['/api/dea/metadata?limit=10', '/api/dea/expiration-alerts?withinDays=365&limit=10'].map((path) => ({ token, path }))
  })
  return { server, requests: reads(asked, ({ path }) => path, everywhere), expected: 200 }
}

/**
 * Reads of DEA records among a thousand agencies with a thousand records each (a hundred, unless in full), beside a thousand in all: those
 * of one agency, and a founder's across all of them.
 */
export const deaGrowth = async (rig: Rig): Promise<Row[]> => {
  const many = { agencies: rig.options.full ? 1_000 : 100, each: 1_000 }
  const small = await grown(rig, 'dea_small', few)
  rig.note(`    writing ${many.agencies * many.each} records`)
  const large = await grown(rig, 'dea_large', many)
  const at = `at 10^${Math.log10(many.agencies * many.each)} records to 10^3`
  const row = async (name: string, of: typeof sideOf): Promise<Row> => {
    const { value, reference, ratio } = await compare(rig, of(rig, large), of(rig, small))
    return { name: `growth, ${name} ${at}`, value, unit: 'req/s', reference, ratio, must: `ratio >= ${least}`, holds: ratio >= least }
  }
  try {
    return [await row('DEA reads', sideOf), await row('DEA reads across agencies', acrossOf)]
  } finally {
    await Promise.all([large.server.stop(), small.server.stop()])
  }
}
