import { tenantTable } from '../../../host/define-context.ts'

/** What was agreed, and from when; an agreement is never changed, a later one follows it. @see FR-015, Payment Rules; Rule 5 */
const commission = `
create table provider_commission (
  agency_id uuid not null,
  id uuid not null,
  provider_id uuid not null,
  type text not null constraint provider_commission_type check (type in ('percentage', 'tier')),
  percentage numeric(4, 2) constraint provider_commission_percentage check (percentage between 5 and 30),
  tiers smallint constraint provider_commission_tiers check (tiers between 2 and 20),
  effective_from timestamptz(3) not null,
  created_by text not null constraint provider_commission_by check (length(created_by) between 1 and 255),
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_commission_of_provider unique (agency_id, provider_id, id),
  constraint provider_commission_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id),
  constraint provider_commission_shape check ((type = 'percentage') = (percentage is not null) and (type = 'tier') = (tiers is not null))
)`

const tier = `
create table provider_commission_tier (
  agency_id uuid not null,
  commission_id uuid not null,
  position smallint not null constraint provider_commission_tier_position check (position between 1 and 20),
  name text not null constraint provider_commission_tier_name check (length(name) between 1 and 50),
  from_count int not null constraint provider_commission_tier_from check (from_count >= 0),
  to_count int,
  rate numeric(4, 2) not null constraint provider_commission_tier_rate check (rate between 5 and 30),
  primary key (agency_id, commission_id, position),
  constraint provider_commission_tier_commission foreign key (agency_id, commission_id) references provider_commission (agency_id, id),
  constraint provider_commission_tier_range check (to_count >= from_count)
)`

/** The rate in force from a moment on, and why: of an agreement, of a month that closed, of a count that came late or was corrected. */
const rate = `
create table provider_commission_rate (
  agency_id uuid not null,
  id uuid not null,
  provider_id uuid not null,
  commission_id uuid not null,
  effective_from timestamptz(3) not null,
  rate numeric(4, 2) not null constraint provider_commission_rate_range check (rate between 5 and 30),
  tier smallint constraint provider_commission_rate_tier check (tier >= 1),
  cause text not null constraint provider_commission_rate_cause check (cause in ('agreement', 'month', 'count')),
  month date constraint provider_commission_rate_month check (extract(day from month) = 1),
  procedure_count int constraint provider_commission_rate_count check (procedure_count >= 0),
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_commission_rate_commission foreign key (agency_id, provider_id, commission_id)
    references provider_commission (agency_id, provider_id, id)
)`

const count = `
create table provider_procedure_count (
  agency_id uuid not null,
  provider_id uuid not null,
  month date not null constraint provider_procedure_count_month check (extract(day from month) = 1),
  count int not null constraint provider_procedure_count_count check (count between 0 and 1000000),
  reported_at timestamptz(3) not null,
  reported_by text not null constraint provider_procedure_count_by check (length(reported_by) between 1 and 255),
  audit_id uuid not null,
  primary key (agency_id, provider_id, month),
  constraint provider_procedure_count_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
)`

const indexes = [
  'create index provider_commission_of on provider_commission (agency_id, provider_id, effective_from, id)',
  'create index provider_commission_rate_of on provider_commission_rate (agency_id, provider_id, effective_from, id)',
  "create unique index provider_commission_rate_once_a_month on provider_commission_rate (agency_id, provider_id, commission_id, month) where cause = 'month'",
]

/**
 * Tiers of one agreement come in one statement: from 0 on they follow one another without gap or overlap, and only the last one is open.
 * That an agreement has as many as it says, two at least, a foreign key holds at commit.
 */
const tierGuard = [
  `alter table provider_commission add constraint provider_commission_last_tier foreign key (agency_id, id, tiers)
    references provider_commission_tier (agency_id, commission_id, position) deferrable initially deferred`,
  `create function provider_commission_tier_guard() returns trigger language plpgsql as $$
    begin
      if exists (
        select from (
          select t.position, t.from_count, t.to_count, row_number() over w as place, lag(t.to_count) over w as before, lead(t.position) over w as next
          from added t window w as (partition by t.agency_id, t.commission_id order by t.position)
        ) t
        where t.position <> t.place or t.from_count is distinct from case t.place when 1 then 0 else t.before + 1 end
          or (t.next is null) <> (t.to_count is null)
      ) then
        raise exception 'tiers follow one another, and the last one is open' using errcode = 'PT409';
      end if;
      return null;
    end $$`,
  `create trigger provider_commission_tier_guard after insert on provider_commission_tier referencing new table as added
    for each statement execute function provider_commission_tier_guard()`,
]

const grants = { read: ['select'], admin: ['select', 'insert'] } as const

export const commissionTables: readonly string[] = [
  commission,
  tier,
  rate,
  count,
  ...indexes,
  ...tierGuard,
  ...tenantTable({ table: 'provider_commission', grants: { ...grants, write: ['select'] } }),
  ...tenantTable({ table: 'provider_commission_tier', grants: { ...grants, write: ['select'] } }),
  ...tenantTable({ table: 'provider_commission_rate', grants: { ...grants, write: ['select', 'insert'] } }),
  ...tenantTable({
    table: 'provider_procedure_count',
    grants: {
      read: ['select'],
      admin: ['select'],
      write: ['select', 'insert', 'update (count, reported_at, reported_by, audit_id)'],
    },
  }),
]
