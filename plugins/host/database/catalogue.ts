import type pg from 'pg'

/** A table, view, sequence or the like, as PostgreSQL itself describes it. */
export interface Relation {
  readonly id: number
  readonly name: string
  /** r table, p partitioned table, v view, m materialized view, f foreign table, S sequence. */
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f' | 'S'
  readonly owner: string
  readonly secured: boolean
  readonly forced: boolean
  readonly partition: boolean
  readonly invoker: boolean
  readonly columns: readonly string[]
  /** Columns of type uuid that are not null. */
  readonly keys: readonly string[]
  /** Check constraints that hold for every row. */
  readonly checks: readonly string[]
  readonly rules: number
  /** Foreign keys, with the columns of this table that they use. */
  readonly references: readonly { readonly name: string; readonly columns: readonly string[] }[]
  /** What its enabled triggers fire on: bits 8 delete, 16 update, 32 truncate. */
  readonly triggers: number
}

export interface Grant {
  readonly relation: number
  readonly column: string | null
  /** `PUBLIC` for everyone. */
  readonly grantee: string
  readonly privilege: string
}

export interface Policy {
  readonly relation: number
  readonly name: string
  readonly permissive: boolean
  /** r select, a insert, w update, d delete, * all. */
  readonly command: 'r' | 'a' | 'w' | 'd' | '*'
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
}

export interface Role {
  readonly name: string
  readonly superuser: boolean
  readonly bypassesRowSecurity: boolean
  readonly inherits: boolean
  readonly createsRoles: boolean
  readonly createsDatabases: boolean
  readonly replicates: boolean
  readonly logsIn: boolean
}

export interface Membership {
  readonly role: string
  readonly member: string
  readonly inherits: boolean
  readonly sets: boolean
  readonly administers: boolean
}

export interface Routine {
  readonly name: string
  readonly owner: string
  readonly definer: boolean
  readonly everyone: boolean
  readonly unsecured: boolean
}

export interface DefaultGrant {
  readonly owner: string
  readonly kind: string
  readonly grantee: string
  readonly privilege: string
}

export interface Namespace {
  readonly name: string
  readonly owner: string
  /** Who may create objects in it, the owner aside. */
  readonly creators: readonly string[]
}

/** Everything that decides who can reach which row. */
export interface Catalogue {
  readonly login: string
  readonly mayCreateTemporary: boolean
  readonly relations: readonly Relation[]
  readonly grants: readonly Grant[]
  readonly policies: readonly Policy[]
  readonly roles: readonly Role[]
  readonly memberships: readonly Membership[]
  readonly routines: readonly Routine[]
  readonly defaults: readonly DefaultGrant[]
  readonly namespaces: readonly Namespace[]
}

const isOurs = (namespace: string): string => `${namespace} !~ '^pg_' and ${namespace} <> 'information_schema'`
const who = (id: string): string => `case ${id} when 0 then 'PUBLIC' else pg_get_userbyid(${id})::text end`
const ofExtension = (id: string, catalogue: string): string =>
  `exists (select from pg_depend e where e.objid = ${id} and e.classid = '${catalogue}'::regclass and e.deptype = 'e')`
const label = `case n.nspname when 'public' then '' else n.nspname || '.' end`

const queries = {
  session: `select session_user::text as login, has_database_privilege(session_user, current_database(), 'TEMP') as "mayCreateTemporary"`,
  relations: `select c.oid::int as id, ${label} || c.relname as name, c.relkind::text as kind, pg_get_userbyid(c.relowner)::text as owner,
      c.relrowsecurity as secured, c.relforcerowsecurity as forced, c.relispartition as partition,
      coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false) as invoker,
      a.columns, a.keys, array(select k.conname::text from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and k.convalidated) as checks,
      (select count(*)::int from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN') as rules,
      (select coalesce(json_agg(json_build_object('name', f.conname, 'columns', array(
        select attname from pg_attribute where attrelid = f.conrelid and attnum = any (f.conkey)
      ))), '[]') from pg_constraint f where f.conrelid = c.oid and f.contype = 'f' and f.conparentid = 0) as references,
      (select coalesce(bit_or(g.tgtype), 0)::int from pg_trigger g where g.tgrelid = c.oid and g.tgenabled in ('O', 'A')) as triggers
    from pg_class c join pg_namespace n on n.oid = c.relnamespace,
      lateral (select coalesce(array_agg(attname::text), '{}') as columns,
        coalesce(array_agg(attname::text) filter (where attnotnull and atttypid = 'uuid'::regtype), '{}') as keys
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) a
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${isOurs('n.nspname')} and not ${ofExtension('c.oid', 'pg_class')}
    order by 2`,
  grants: `select c.oid::int as relation, null as column, ${who('g.grantee')} as grantee, g.privilege_type as privilege
    from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) g
    where ${isOurs('n.nspname')} and g.grantee <> c.relowner
    union all
    select c.oid::int, a.attname::text, ${who('g.grantee')}, g.privilege_type
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(a.attacl) g
    where a.attacl is not null and ${isOurs('n.nspname')} and g.grantee <> c.relowner`,
  policies: `select p.polrelid::int as relation, p.polname::text as name, p.polpermissive as permissive, p.polcmd::text as command,
      array(select ${who('r')} from unnest(p.polroles) r order by 1) as roles,
      pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check
    from pg_policy p order by 1, 2`,
  roles: `select rolname::text as name, rolsuper as superuser, rolbypassrls as "bypassesRowSecurity", rolinherit as inherits,
      rolcreaterole as "createsRoles", rolcreatedb as "createsDatabases", rolreplication as replicates, rolcanlogin as "logsIn"
    from pg_roles`,
  memberships: `select pg_get_userbyid(roleid)::text as role, pg_get_userbyid(member)::text as member, bool_or(inherit_option) as inherits,
      bool_or(set_option) as sets, bool_or(admin_option) as administers
    from pg_auth_members group by 1, 2`,
  routines: `select ${label} || p.proname as name, pg_get_userbyid(p.proowner)::text as owner, p.prosecdef as definer,
      p.prorettype <> 'trigger'::regtype and exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0
      ) as everyone,
      exists (select from unnest(p.proconfig) s where s like 'row_security=%' or s like 'role=%') as unsecured
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where ${isOurs('n.nspname')} and not ${ofExtension('p.oid', 'pg_proc')} order by 1`,
  defaults: `select pg_get_userbyid(d.defaclrole)::text as owner, d.defaclobjtype::text as kind, ${who('g.grantee')} as grantee,
      g.privilege_type as privilege
    from pg_default_acl d, aclexplode(d.defaclacl) g where g.grantee <> d.defaclrole`,
  namespaces: `select n.nspname::text as name, pg_get_userbyid(n.nspowner)::text as owner,
      array(select ${who('g.grantee')} from aclexplode(n.nspacl) g
        where g.privilege_type = 'CREATE' and g.grantee <> n.nspowner) as creators
    from pg_namespace n where ${isOurs('n.nspname')}`,
} as const

/**
 * Reads the whole of it in one round trip. Names are printed as seen from outside every schema, so that a function of the same name
 * elsewhere cannot pass for the host's.
 */
export const readCatalogue = async (client: Pick<pg.ClientBase, 'query'>): Promise<Catalogue> => {
  const text = ['begin read only', 'set local search_path = pg_catalog', ...Object.values(queries), 'rollback'].join(';\n')
  const results = (await client.query(text).catch(async (error: unknown) => {
    await client.query('rollback')
    throw error
  })) as unknown as pg.QueryResult[]
  const rows = results.slice(2, -1).map((result) => result.rows)
  const named = Object.fromEntries(Object.keys(queries).map((name, index) => [name, rows[index]]))
  const { session, ...lists } = named
  return { ...session![0], ...lists } as unknown as Catalogue
}
