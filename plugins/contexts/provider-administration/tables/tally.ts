import { tenantTable } from '../../../host/define-context.ts'

/**
 * How many accounts there are of each kind, so that neither the counts of the dashboard nor the total of its pages reads them all. A kind
 * has any number of lines and their sum counts: whoever changes an account adds lines and waits for nobody, as they would for a single one.
 */
const tally = `
create table provider_tally (
  agency_id uuid not null,
  id uuid not null default gen_random_uuid(),
  status text not null,
  documents_status text not null,
  commission_type text,
  featured boolean not null,
  number int not null constraint provider_tally_number check (number <> 0),
  primary key (agency_id, id)
)`

const kind = 'status, documents_status, commission_type, featured'
const kindOf = (row: string): string => `${row}.status, ${row}.documents_status, ${row}.commission_type, ${row}.featured`
const line = (row: string, number: 1 | -1, more: readonly string[]): string => {
  const [columns, values] = [more.map((column) => `, ${column}`), more.map((column) => `, ${row}.${column}`)]
  return `insert into provider_tally (agency_id, ${kind}, number${columns.join('')}) values (${row}.agency_id, ${kindOf(row)}, ${number}${values.join('')});`
}

/** One line in so many folds them all: an agency has a few hundred of them at most. */
const foldOneIn = 64

/** Whoever folds is alone, by a lock that nobody waits for: others add lines meanwhile, which the next one folds. */
const alone = (agency: string): string => `pg_try_advisory_xact_lock(5067011, hashtext(${agency}::text))`
const folded = (agency: string): string => `
    with gone as (delete from provider_tally t where t.agency_id = ${agency} returning ${kind}, number)
    insert into provider_tally (agency_id, ${kind}, number)
    select ${agency}, ${kind}, sum(number) from gone group by ${kind} having sum(number) <> 0`
const fold = `
  if random() < 1.0 / ${foldOneIn} and ${alone('p_agency')} then${folded('p_agency')};
  end if;`

/** Of the agency $1: may its lines be folded now, and is there a name in them? A statement of its own, so that the fold sees what the one before left. */
export const mayFoldSql = `
  select ${alone('$1::uuid')} as may from provider_tally t where t.agency_id = $1 and t.search_text is not null limit 1`
export const foldSql = folded('$1::uuid')

/** @param more columns of the account that a line has besides its kind, until it is folded */
const upkeepFunction = (more: readonly string[]): string =>
  `create or replace function provider_tally_upkeep() returns trigger language plpgsql as $$
    declare p_agency uuid := coalesce(new.agency_id, old.agency_id);
    begin
      if tg_op <> 'INSERT' then ${line('old', -1, more)} end if;
      if tg_op <> 'DELETE' then ${line('new', 1, more)} end if;
      ${fold}
      return null;
    end $$`

const upkeep = [
  upkeepFunction([]),
  `create trigger provider_tally_upkeep after insert or delete on provider_profile for each row execute function provider_tally_upkeep()`,
  `create trigger provider_tally_moved after update of ${kind} on provider_profile for each row
    when ((${kindOf('old')}) is distinct from (${kindOf('new')})) execute function provider_tally_upkeep()`,
]

/** A name that changes adds two lines too, which count nothing: whoever remembers a total knows by the lines that it may be another now. */
export const talliedNames: readonly string[] = [
  'drop trigger provider_tally_moved on provider_profile',
  `create trigger provider_tally_moved after update on provider_profile for each row
    when ((${kindOf('old')}, old.search_text) is distinct from (${kindOf('new')}, new.search_text)) execute function provider_tally_upkeep()`,
]

/** And they have the name, so that a total that was counted before them is not counted anew: what they say of the question is added to it. */
export const namedTallies: readonly string[] = [
  'alter table provider_tally add column search_text text collate "C"',
  upkeepFunction(['search_text']),
]

/** Accounts that are there already; their owner sees them for the one statement. */
const firstCount = [
  'alter table provider_profile no force row level security',
  `insert into provider_tally (agency_id, ${kind}, number) select agency_id, ${kind}, count(*) from provider_profile group by agency_id, ${kind}`,
  'alter table provider_profile force row level security',
]

/** Each order in both directions, with what pages are filtered by: a page is found without a look at the rows before it. */
const indexes = [
  'drop index provider_profile_by_name, provider_profile_by_creation, provider_profile_by_rate, provider_profile_by_documents',
  ...Object.entries({
    name: 'sort_name, id',
    creation: 'created_at, id',
    rate: 'current_rate, id',
    // Read forwards, those without a rate come last; the index above has them first when it is read backwards.
    rate_down: 'current_rate desc nulls last, id desc',
  }).map(
    ([by, columns]) =>
      `create index provider_profile_by_${by} on provider_profile (agency_id, status, ${columns}) include (search_text, commission_type, featured)`,
  ),
]

const grants = ['select', 'insert', 'delete'] as const

export const tallyTables: readonly string[] = [
  tally,
  ...upkeep,
  ...firstCount,
  ...indexes,
  ...tenantTable({ table: 'provider_tally', grants: { read: ['select'], admin: grants, write: grants } }),
]
