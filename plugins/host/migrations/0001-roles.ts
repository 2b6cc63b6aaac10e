import { Migration } from '@mikro-orm/migrations'
import { allRoles, appLogin, bypassLogin } from '../database/roles.ts'
import { tenantTable } from '../database/tenant-table.ts'

/** Roles belong to the whole cluster: another database of it may have made them, or be making them right now. */
export const ensureRole = (role: string, attributes: string): string => `
  do $$ begin
    if not exists (select from pg_roles where rolname = '${role}') then create role ${role} ${attributes}; end if;
  exception when duplicate_object or unique_violation then null;
  end $$`

export const ensureMembership = (role: string): string => `
  do $$ begin
    if not exists (
      select from pg_auth_members
      where roleid = '${role}'::regrole and member = '${appLogin}'::regrole and set_option and not inherit_option
    ) then
      grant ${role} to ${appLogin} with admin false, inherit false, set true;
    end if;
  exception when unique_violation or internal_error then null;
  end $$`

const ensureSetting = (login: string, setting: string, value: string): string => `
  do $$ begin
    if not exists (
      select from pg_db_role_setting where setdatabase = 0 and setrole = '${login}'::regrole and '${setting}=${value}' = any (setconfig)
    ) then
      alter role ${login} set ${setting} = ${value};
    end if;
  exception when unique_violation or internal_error then null;
  end $$`

const everyone = [...allRoles, bypassLogin].join(', ')

/** Nobody gets anything by default: not the schema, not temporary tables (which would shadow real ones), not a new function. */
const nothingByDefault = [
  "do $$ begin execute format('revoke all on database %I from public', current_database()); end $$",
  `do $$ begin execute format('grant connect on database %I to ${appLogin}, ${bypassLogin}', current_database()); end $$`,
  'revoke all on schema public from public',
  `grant usage on schema public to ${appLogin}, ${everyone}`,
  'alter default privileges revoke execute on functions from public',
]

/**
 * The agencies that the host's own roles work for: one, or those whose requests share a batch, as an array. Only the policies of the
 * gate and of the audit's writer ask it; every role under which a context's SQL runs works in one agency at a time.
 */
export const sessionAgencies = `
  create or replace function current_agencies() returns uuid[] language plpgsql stable parallel safe as $$
    declare told text := nullif(current_setting('app.current_agencies', true), '');
    begin
      if told is null then
        return array[current_agency()];
      elsif left(told, 1) = '{' and told <> '{}' and pg_input_is_valid(told, 'uuid[]') then
        return told::uuid[];
      end if;
      raise exception 'malformed agencies in this transaction' using errcode = '42501';
    end $$`

/**
 * Who is asking, as the transaction was told. A missing or malformed agency is an error and not an empty answer; a malformed patient too.
 * Policies ask once per statement: `agency_id = (select current_agency())`.
 */
const contextFunctions = [
  `create function current_agency() returns uuid language plpgsql stable parallel safe as $$
    declare told text := current_setting('app.current_agency', true);
    begin
      if told is null or length(told) <> 36 or not pg_input_is_valid(told, 'uuid') then
        raise exception 'no agency in this transaction' using errcode = '42501';
      end if;
      return told::uuid;
    end $$`,
  // One patient, or the patients whose requests share a batch, as an array; null where the session is no patient's.
  `create function current_patients() returns uuid[] language plpgsql stable parallel safe as $$
    declare told text := nullif(current_setting('app.current_patient', true), '');
    begin
      if told is null then
        return null;
      elsif length(told) = 36 and pg_input_is_valid(told, 'uuid') then
        return array[told::uuid];
      elsif left(told, 1) = '{' and pg_input_is_valid(told, 'uuid[]') then
        return told::uuid[];
      end if;
      raise exception 'malformed patient in this transaction' using errcode = '42501';
    end $$`,
  sessionAgencies,
  `create function current_actor() returns text language sql stable parallel safe
    return nullif(current_setting('app.current_actor', true), '')`,
  `grant execute on function current_agency(), current_agencies(), current_patients(), current_actor() to ${everyone}`,
]

/** Every operation may read its own agency's name and modules; who may change them is no operation at all. */
const agencies = [
  `create table host_agency (
    id uuid primary key,
    name text not null check (length(name) between 1 and 200),
    modules text[] not null default '{}' check (modules <@ array['billing', 'dea']),
    created_at timestamptz not null default now()
  )`,
  ...tenantTable({
    table: 'host_agency',
    agencyColumn: 'id',
    grants: { read: ['select'], draft: ['select'], advise: ['select'], write: ['select'], admin: ['select'], gate: ['select'] },
    bypass: true,
  }),
]

/**
 * The logins and roles, the functions that say on whose behalf a transaction runs, and the agencies.
 * @see design, section 4: data and isolation
 */
export class Roles extends Migration {
  override up(): void {
    const statements = [
      ensureRole(appLogin, 'login noinherit'),
      ensureRole(bypassLogin, 'login noinherit'),
      ...allRoles.map((role) => ensureRole(role, 'nologin noinherit')),
      ...allRoles.map(ensureMembership),
      // A plan for one role is thrown away when another asks; a generic one is kept.
      ensureSetting(appLogin, 'plan_cache_mode', 'force_generic_plan'),
      // A plan that was made while a table was small must not become a scan of a large one.
      ensureSetting(appLogin, 'enable_seqscan', 'off'),
      ensureSetting(bypassLogin, 'default_transaction_read_only', 'on'),
      ...nothingByDefault,
      ...contextFunctions,
      ...agencies,
    ]
    for (const statement of statements) this.addSql(statement)
  }
}
