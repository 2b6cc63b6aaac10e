import type pg from 'pg'
import { allRoles, appLogin, roleNames } from '../../../../plugins/host/database/roles.ts'
import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'
import type { Attempt } from './attempts.ts'
import { here } from './sessions.ts'

const sessions = [...allRoles, appLogin]

const attempt =
  (role: string) =>
  (what: string, sql: string): Attempt => ({ what, role, settings: here, kind: 'read', sql })

/** Roles of the cluster that the service's login must not become, predefined ones included. */
const otherRoles = async (superuser: pg.Client): Promise<string[]> =>
  (
    await superuser.query<{ name: string }>('select rolname::text as name from pg_roles where rolname <> all ($1) order by 1', [sessions])
  ).rows.map(({ name }) => name)

const sequences = async (superuser: pg.Client): Promise<string[]> =>
  (
    await superuser.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'S' and n.nspname !~ '^pg_' and n.nspname <> all ($1) order by 1`,
      [defaultExpectation.foreignSchemas],
    )
  ).rows.map(({ name }) => name)

/** Tables of other programs, which have a role of their own. */
const foreignTables = async (superuser: pg.Client): Promise<string[]> =>
  (
    await superuser.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname = any ($1) order by 1`,
      [defaultExpectation.foreignSchemas],
    )
  ).rows.map(({ name }) => name)

/**
 * What would carry a session out of its agency altogether: other roles, the switches of row security, counters that all agencies share,
 * the queue that serves all of them, and what the planner has noted of everybody's values. All of them are refused.
 */
export const powers = async (superuser: pg.Client): Promise<Attempt[]> => {
  const roles = await otherRoles(superuser)
  const counters = await sequences(superuser)
  const strangers = await foreignTables(superuser)
  return sessions.flatMap((role) => {
    const tries = attempt(role)
    return [
      ...roles.map((other) => tries(`becomes ${other}`, `select set_config('role', '${other}', true)`)),
      ...roles.map((other) => tries(`logs in as ${other}`, `select set_config('session_authorization', '${other}', true)`)),
      tries('takes triggers and keys off', "select set_config('session_replication_role', 'replica', true)"),
      tries('reads the planner’s notes', 'select * from pg_statistic'),
      tries('reads passwords', 'select * from pg_authid'),
      ...(role === roleNames.queue ? [] : strangers).map((name) => tries(`reads ${name}`, `select * from ${name}`)),
      ...counters.flatMap((name) => [
        tries(`counts on (${name})`, `select nextval('${name}')`),
        tries(`looks how far it is (${name})`, `select last_value from ${name}`),
        tries(`sets it (${name})`, `select setval('${name}', 1)`),
      ]),
    ]
  })
}
