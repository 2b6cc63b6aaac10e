import pg from 'pg'
import { idsOnlyConstraint } from '../database/isolation-of-queue.ts'
import { queueSchema, roleNames } from '../database/roles.ts'

/** The version of the queue's schema that the library in package.json makes; a test holds the two together. */
export const queueSchemaVersion = 11

const { queue } = roleNames
const at = (name: string): string => `${queueSchema}.${name}`

/** Words of the queue itself: ids, names, numbers in text. A space, a letter outside ASCII or an at sign is none of them. */
const token = '^[A-Za-z0-9._:*-]{0,120}$'
const uuid = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const stalled = 'job stalled more than allowable limit'

const textsAre = (name: string, allowed: readonly string[]): string => `
  create or replace function ${at(name)}(p jsonb) returns boolean language sql immutable parallel safe
  return not jsonb_path_exists(coalesce(p, 'null'), 'strict $.** ? (@.type() == "string" && !(${allowed.join(' || ')}))')`

/** A job is two ids. What the library adds is bounded to its own words; a failure's text, a result or a log line of ours is refused. */
const constraints: Readonly<Record<string, string>> = {
  job: `${at('only_ids')}(data) and ${at('only_tokens')}(opts) and ${at('only_tokens')}(return_value) and ${at('only_tokens')}(progress)
    and ${at('only_tokens')}(stacktrace) and ${at('only_tokens')}(to_jsonb(failed_reason)) and ${at('only_tokens')}(to_jsonb(deferred_failure))
    and ${at('only_tokens')}(to_jsonb(id)) and ${at('only_tokens')}(to_jsonb(name))`,
  event: `${at('only_tokens')}(data)`,
  meta: `${at('only_tokens')}(to_jsonb(value))`,
}

const constrain = (table: string, check: string): string[] => [
  `alter table ${at(table)} drop constraint if exists ${idsOnlyConstraint}`,
  `alter table ${at(table)} add constraint ${idsOnlyConstraint} check (${check})`,
]

/** Read alone: the library looks here before it takes a job back whose worker has gone. */
const schedules = at('scheduler')

/** What carrying needs and no more: no logs, no flows, no schedules of ours, nothing to be created. */
const grants = [
  `grant usage on schema ${queueSchema} to ${queue}`,
  `grant select on ${at('migration')}, ${schedules} to ${queue}`,
  `grant select, insert, update, delete on ${['job', 'event', 'meta', 'metrics', 'rate_limit', 'dedup', 'dedup_next', 'job_dependency'].map(at).join(', ')} to ${queue}`,
  `grant usage on sequence ${at('job_seq')}, ${at('event_seq')} to ${queue}`,
  `grant execute on all functions in schema ${queueSchema} to ${queue}`,
]

const statements = [
  textsAre('only_ids', [`@ like_regex "${uuid}"`]),
  textsAre('only_tokens', [`@ like_regex "${token}"`, `@ == "${stalled}"`]),
  ...Object.entries(constraints).flatMap(([table, check]) => constrain(table, check)),
  ...grants,
]

/** Whether the schema is there, in the version that the library makes. */
export const isQueueInstalled = async (client: pg.Client): Promise<boolean> => {
  const { rows } = await client.query<{ there: boolean }>(
    `select count(*) = $1 and coalesce(has_table_privilege($4, to_regclass($5), 'select'), false) as there from pg_constraint
    where conname = $2 and convalidated and connamespace = to_regnamespace($3)`,
    [Object.keys(constraints).length, idsOnlyConstraint, queueSchema, queue, schedules],
  )
  if (!rows[0]!.there) return false
  const known = await client.query<{ version: number }>(`select max(version) as version from ${at('migration')}`)
  return known.rows[0]!.version >= queueSchemaVersion
}

/**
 * Makes the schema of the queue, as the owner, and closes it to everything but ids under its own role. The library is loaded only where
 * there is something to make.
 * @returns whether anything was made
 */
export const installQueue = async (ownerUrl: string): Promise<boolean> => {
  const client = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    application_name: 'postern migrate',
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    if (await isQueueInstalled(client)) return false
    const { runMigrations } = await import('bullmq')
    await runMigrations(client, queueSchema)
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(5067003)')
    for (const statement of statements) await client.query(statement)
    await client.query('commit')
    return true
  } finally {
    await client.end().catch(() => undefined)
  }
}
