import { tenantTable } from '../../../host/define-context.ts'

/** How much of a suffix is kept; what a search asks beyond it is compared with the account itself. */
export const suffixLength = 12

/**
 * Substrings of names and clinics, found by index: each place at which a word of `search_text` goes on, in order.
 *
 * Trigrams would be smaller, but cannot be used here: under row security PostgreSQL asks an index only by operators that give nothing
 * away about rows of others (LEAKPROOF), and LIKE and the operators of arrays are none; the comparison of texts is one. Rows are made
 * from the account by its trigger and read together with it, so that none needs a foreign key of its own.
 */
const suffix = `
create table provider_search_suffix (
  agency_id uuid not null,
  suffix text collate "C" not null,
  provider_id uuid not null,
  primary key (agency_id, suffix, provider_id)
)`

const upkeep = [
  `create function provider_search_suffixes(p_text text) returns setof text language sql immutable as $$
    select distinct split_part(substr(p_text, n, ${suffixLength}), E'\\n', 1)
    from generate_series(1, length(p_text)) n where substr(p_text, n, 1) not in (' ', E'\\n')
  $$`,
  'revoke execute on function provider_search_suffixes from public',
  'grant execute on function provider_search_suffixes to postern_admin',
  `create function provider_search_upkeep() returns trigger language plpgsql as $$
    begin
      if tg_op = 'UPDATE' then
        delete from provider_search_suffix s where s.agency_id = old.agency_id and s.provider_id = old.id
          and s.suffix in (select provider_search_suffixes(old.search_text));
      end if;
      insert into provider_search_suffix (agency_id, suffix, provider_id)
      select new.agency_id, s, new.id from provider_search_suffixes(new.search_text) s;
      return null;
    end $$`,
  'create trigger provider_search_added after insert on provider_profile for each row execute function provider_search_upkeep()',
  `create trigger provider_search_changed after update of search_text on provider_profile for each row
    when (old.search_text is distinct from new.search_text) execute function provider_search_upkeep()`,
]

export const searchTables: readonly string[] = [
  suffix,
  ...upkeep,
  ...tenantTable({ table: 'provider_search_suffix', grants: { read: ['select'], admin: ['select', 'insert', 'delete'] } }),
]

const plain = (column: string): string =>
  [['ß', 'ss'], ['æ', 'ae'], ['œ', 'oe'], ['þ', 'th']].reduce(
    (text, [letter, letters]) => `replace(${text}, '${letter}', '${letters}')`,
    `translate(${column}, 'øđðħıłŧς', 'oddhiltσ')`,
  ) // prettier-ignore

/** Each with what its triggers write. */
const read = ['provider_profile', 'provider_featured', 'provider_search_suffix', 'provider_tally']

/** What was kept before letters such as ł were kept as those that others type. Nobody's account changes by it, so no guard is asked. */
export const plainLetters: readonly string[] = [
  'alter table provider_profile drop constraint provider_profile_search_text, drop constraint provider_profile_sort_name',
  `alter table provider_profile add constraint provider_profile_search_text check (length(search_text) <= 500),
    add constraint provider_profile_sort_name check (length(sort_name) <= 250)`,
  'alter table provider_profile disable trigger provider_profile_guard',
  ...read.map((table) => `alter table ${table} no force row level security`),
  `update provider_profile set search_text = ${plain('search_text')}, sort_name = ${plain('sort_name')} where search_text ~ '[ßæœþøđðħıłŧς]'`,
  `update provider_featured set search_text = ${plain('search_text')} where search_text ~ '[ßæœþøđðħıłŧς]'`,
  ...read.map((table) => `alter table ${table} force row level security`),
  'alter table provider_profile enable trigger provider_profile_guard',
]
