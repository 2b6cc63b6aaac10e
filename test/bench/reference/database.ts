import pg from 'pg'
import type { People } from '../stage/people.ts'
import { runAll, type BenchDatabase } from '../stage/postgres.ts'
import { messageText } from '../load/requests.ts'

/** Same columns, same indexes; no row security, no triggers, no foreign keys, no checks, no partitions. */
const tables = ['messaging_message', 'host_idempotency_key', 'audit_event', 'consent_record'] as const

/** Makes the bare tables from the real ones, so that a column or an index that is added there is in the reference too. */
export const prepareReference = async (database: BenchDatabase, people: readonly People[]): Promise<void> => {
  const copies = tables.map((table) => `create table bare.${table} (like public.${table} including indexes including storage)`)
  await runAll(database.superuserUrl, ['create schema bare', ...copies])
  const persons = people.flatMap((group) => group.persons)
  const client = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 60_000 })
  client.on('error', () => {})
  await client.connect()
  const columns = [
    persons.map(({ agencyId }) => agencyId), persons.map(({ messageId }) => messageId), persons.map(({ readConversationId }) => readConversationId),
    persons.map(({ patientId }) => patientId), persons.map(({ sub }) => sub), persons.map(({ consentId }) => consentId),
  ] // prettier-ignore
  const from =
    'from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[]) as p (agency, message, conversation, patient, sub, consent)'
  try {
    await client.query(
      `insert into bare.messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
       select agency, message, conversation, patient, sub, convert_to('${messageText}', 'UTF8'), now(), gen_random_uuid() ${from} where consent is not null`,
      columns,
    )
    await client.query(
      `insert into bare.consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
       select agency, consent, patient, 'messaging', 'active', now(), sub, gen_random_uuid() ${from} where message is not null and conversation is not null`,
      columns,
    )
    await client.query('vacuum (analyze)')
  } finally {
    await client.end().catch(() => {})
  }
}

interface Measured {
  readonly column: string
  readonly bytes: number
}

/** Mean width of each column of the newest rows; the rows that were seeded are left out. */
const widths = async (url: string, table: string, where: string): Promise<Measured[]> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 60_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const [schema, name] = table.split('.') as [string, string]
    const known = await client.query<{ column_name: string }>(
      'select column_name from information_schema.columns where table_schema = $1 and table_name = $2 order by ordinal_position',
      [schema, name],
    )
    const names = known.rows.map(({ column_name }) => column_name)
    const means = names.map((column) => `avg(coalesce(pg_column_size(${column}), 0))::float8 as ${column}`).join(', ')
    const { rows } = await client.query<Record<string, number>>(`select ${means} from (select * from ${table} where ${where} limit 500) t`)
    return names.map((column) => ({ column, bytes: rows[0]![column] ?? Number.NaN }))
  } finally {
    await client.end().catch(() => {})
  }
}

const compared = [
  ['messaging_message', "created_at > now() - interval '30 minutes' and sender_id is not null and length(body) > 200"],
  ['host_idempotency_key', "operation = 'sendMessage'"],
  ['audit_event', "action = 'sendMessage'"],
  ['audit_event', "action = 'listMessages'"],
  ['audit_event', "action = 'getConsent'"],
  ['audit_event', "action = 'listAppointments'"],
] as const

/** Columns whose width differs by more than a byte between the service's rows and the reference's: empty where the comparison is fair. */
export const differingWidths = async (service: BenchDatabase, reference: BenchDatabase): Promise<string[]> => {
  const found: string[] = []
  for (const [table, where] of compared) {
    const real = await widths(service.superuserUrl, `public.${table}`, where)
    const bare = new Map((await widths(reference.superuserUrl, `bare.${table}`, where)).map(({ column, bytes }) => [column, bytes]))
    for (const { column, bytes } of real) {
      const other = bare.get(column) ?? Number.NaN
      if (Math.abs(other - bytes) > 1)
        found.push(`${table} where ${where}: ${column} takes ${bytes.toFixed(1)} bytes, the reference's ${other.toFixed(1)}`)
    }
  }
  return found
}
