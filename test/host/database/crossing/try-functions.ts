import pg from 'pg'
import { allRoles, appLogin, roleNames } from '../../../../plugins/host/database/roles.ts'
import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'
import type { Attempt } from './attempts.ts'
import { agencyOf, marksOf, valueOf, type Owner } from './seed.ts'
import { here } from './sessions.ts'

export interface Routine {
  readonly name: string
  readonly signature: string
  readonly arguments: readonly { readonly name: string; readonly type: string }[]
  /** Does it tell the transaction its agency itself, or call what does? */
  readonly enters: boolean
  /** Does it ask as the public, who sees what is published and nothing else? */
  readonly published: boolean
  /** The roles and logins that may call it. */
  readonly callers: readonly string[]
}

const query = `
  select p.proname as name, p.oid::regprocedure::text as signature, coalesce(p.prosrc, '') as source,
    coalesce((select json_agg(json_build_object('name', coalesce(p.proargnames[i], ''), 'type', format_type(y, null)) order by i)
      from unnest(p.proargtypes::oid[]) with ordinality k(y, i)), '[]') as arguments,
    array(select r.rolname::text from pg_roles r where r.rolname ~ '^postern_' and r.rolname <> $2 and has_function_privilege(r.oid, p.oid, 'execute')) as callers
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all ($1) and p.prorettype <> 'trigger'::regtype
    and p.prokind in ('f', 'p')
  order by 2`

type Row = Omit<Routine, 'enters' | 'published'> & { readonly source: string }

/** Those that set the agency, and those that call them. */
const entering = (rows: readonly Row[]): ReadonlySet<string> => {
  const names = new Set(rows.filter(({ source }) => /set_config\s*\(\s*'app\.current_agency'/i.test(source)).map(({ name }) => name))
  for (let before = -1; before !== names.size;) {
    before = names.size
    for (const { name, source } of rows) if (source.split(/\W+/).some((word) => word !== name && names.has(word))) names.add(name)
  }
  return names
}

/** Every function of the product, read from the catalogue. */
export const readRoutines = async (superuser: pg.Client): Promise<Routine[]> => {
  const { rows } = await superuser.query<Row>(query, [defaultExpectation.foreignSchemas, defaultExpectation.ownerLogin])
  const names = entering(rows)
  return rows.map((row) => ({ ...row, enters: names.has(row.name), published: row.source.includes(`'${roleNames.public}'`) }))
}

/** The argument that says whose rows are meant. */
const isAgency = (name: string): boolean => /^p_agency(_id)?$|^agency(_id)?$/.test(name)

const call = ({ name, arguments: given }: Routine, agency: string | null, role: string, owner: Owner = 2): string => {
  const values = given.map(({ name: argument, type }) => {
    if (argument === 'p_role') return pg.escapeLiteral(role)
    if (!isAgency(argument)) return valueOf(type, owner)
    const literal = agency === null ? 'null' : pg.escapeLiteral(agency)
    return type.endsWith('[]') ? `array[${literal}]::${type}` : `${literal}::${type}`
  })
  return `select * from ${name}(${values.join(', ')})`
}

/** Functions of the host alone, which say themselves whose rows they work on: who runs a context's statements calls none of them. */
const doors: readonly string[] = [appLogin, roleNames.gate, roleNames.auditWriter]

/** Calls with everything of another agency, in a session of one's own. */
export const calls = (routines: readonly Routine[]): Attempt[] =>
  allRoles.flatMap((role) =>
    routines
      .filter(({ enters }) => !(enters && doors.includes(role)))
      .map((routine) => ({ what: routine.signature, role, settings: here, kind: 'read', sql: call(routine, agencyOf(2), role) })),
  )

/** The same by one role with what nobody has: a function that answers with that gives back what it is given. */
export const echoes = (routines: readonly Routine[], role: string): Attempt[] =>
  routines.map((routine) => ({
    what: routine.signature,
    role,
    settings: here,
    kind: 'read',
    sql: call(routine, agencyOf(9), role, 9),
    marks: marksOf(9),
  }))

/** Calls by the login itself with no agency, in a session of none. */
export const callsOfNobody = (routines: readonly Routine[]): Attempt[] =>
  routines
    .filter(({ callers, published }) => callers.includes(appLogin) && !published)
    .map((routine) => ({ what: routine.signature, role: null, settings: {}, kind: 'read', sql: call(routine, null, roleNames.read) }))

/** Functions that enter an agency and can be called by a role that contexts run under. */
export const openDoors = (routines: readonly Routine[]): string[] =>
  routines
    .filter(({ enters }) => enters)
    .flatMap(({ signature, callers }) =>
      callers.filter((caller) => !doors.includes(caller)).map((caller) => `${caller} may call ${signature}`),
    )
