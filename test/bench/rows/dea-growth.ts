import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { createFieldCipher, type KeySet } from '../../../plugins/host/crypto/index.ts'
import { deaNumber } from '../../fixtures/dea-cms.ts'
import { compare } from '../compare.ts'
import { reads } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Candidate, Rig } from '../rig.ts'
import type { BenchDatabase } from '../stage/postgres.ts'

/** Agencies whose officers read, on both sides, since each has an audit chain of its own; of all others the names are never opened. */
const readers = 20
const few = { agencies: readers, each: 50 }
const least = 0.75
const officer = { roles: ['compliance_officer'], scope: 'dea:view' }

interface Office {
  readonly agencyId: string
  readonly ids: readonly string[]
}

const agenciesSql = "insert into host_agency (id, name) select id, 'Bench' from unnest($1::uuid[]) id"
const recordsSql = `
  insert into dea_registrant_metadata (agency_id, id, version, created_at, updated_at, audit_id, registrant_name, dea_registration_number,
    authorized_schedules, registration_status, issue_date, expiration_date)
  select a.id, coalesce(g.id, gen_random_uuid()), 1, now() - g.n * interval '1 minute', now(), gen_random_uuid(), g.name, g.number,
    array['II', 'IV'], 'active', '2024-01-01', current_date + (g.n * 3)::int
  from unnest($1::uuid[]) a (id), unnest($2::uuid[], $3::bytea[], $4::text[]) with ordinality g (id, name, number, n)`

interface Size {
  readonly agencies: number
  /** Records of each. */
  readonly each: number
}

const fill = async ({ superuserUrl }: BenchDatabase, keys: KeySet, { agencies, each }: Size): Promise<Office[]> => {
  const numbers = Array.from({ length: each }, (_, n) => deaNumber(n))
  const cipher = createFieldCipher(keys)
  const place = (agencyId: string, rowId: string) => ({ table: 'dea_registrant_metadata', column: 'registrant_name', agencyId, rowId })
  const offices = Array.from({ length: readers }, () => ({ agencyId: newId(), ids: numbers.map(() => newId()) }))
  const others = Array.from({ length: agencies - offices.length }, () => newId())
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 600_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(agenciesSql, [[...offices.map(({ agencyId }) => agencyId), ...others]])
    for (const { agencyId, ids } of offices)
      await client.query(recordsSql, [[agencyId], ids, ids.map((id) => cipher.seal('Riverside Station 4', place(agencyId, id))), numbers])
    const sealed = cipher.seal('Riverside Station 4', place(newId(), newId()))
    const unread = [numbers.map(() => null), numbers.map(() => sealed), numbers]
    for (let from = 0; from < others.length; from += 50) await client.query(recordsSql, [others.slice(from, from + 50), ...unread])
    await client.query('vacuum (analyze) dea_registrant_metadata')
  } finally {
    await client.end().catch(() => {})
  }
  return offices
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

/** Reads of DEA records among a thousand agencies with a thousand records each (a hundred, unless in full), beside a thousand in all. */
export const deaGrowth = async (rig: Rig): Promise<Row[]> => {
  const many = { agencies: rig.options.full ? 1_000 : 100, each: 1_000 }
  const small = await grown(rig, 'dea_small', few)
  rig.note(`    writing ${many.agencies * many.each} records`)
  const large = await grown(rig, 'dea_large', many)
  try {
    const { value, reference, ratio } = await compare(rig, sideOf(rig, large), sideOf(rig, small))
    return [
      {
        name: `growth, DEA reads at 10^${Math.log10(many.agencies * many.each)} records to 10^3`,
        value,
        unit: 'req/s',
        reference,
        ratio,
        must: `ratio >= ${least}`,
        holds: ratio >= least,
      },
    ]
  } finally {
    await Promise.all([large.server.stop(), small.server.stop()])
  }
}
