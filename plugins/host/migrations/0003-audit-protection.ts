const refuse = `
  create function audit_refuse() returns trigger language plpgsql as $$
  begin
    raise exception '% is append-only', tg_table_name using errcode = 'PT403';
  end $$`

const refusing = (table: string, name: string, when: string): string[] => [
  `create trigger ${table}_${name} before ${when} execute function audit_refuse()`,
  `alter table ${table} enable always trigger ${table}_${name}`,
]

const appendOnly = (table: string): string[] => [
  ...refusing(table, 'keeps_rows', `update or delete on ${table} for each row`),
  ...refusing(table, 'keeps_all', `truncate on ${table} for each statement`),
]

// A head that is set back needs no trigger on the hot path: verification names it, since the rows beyond it cannot be removed.
const keepHeads = [
  ...refusing('audit_head', 'keeps_rows', 'delete on audit_head for each row'),
  ...refusing('audit_head', 'keeps_all', 'truncate on audit_head for each statement'),
]

/**
 * Adds a month. Rows of that month that had to go to the default partition (a clock ahead of the calendar) move over; they stay
 * as they are, so the chain does too. Partitions are closed to every role: rows are reached through the parent alone.
 */
const addPartition = `
  create function audit_add_partition(p_month date) returns boolean language plpgsql volatile security invoker as $$
  declare
    t text; p text; d text; v_from timestamptz; v_to timestamptz; v_misplaced boolean;
  begin
    v_from := date_trunc('month', p_month)::timestamp at time zone 'UTC';
    v_to := (date_trunc('month', p_month) + interval '1 month')::timestamp at time zone 'UTC';
    if to_regclass('audit_event' || to_char(p_month, '_YYYY_MM')) is not null then
      return false;
    end if;
    foreach t in array array['audit_event', 'audit_ai_action'] loop
      p := t || to_char(p_month, '_YYYY_MM');
      d := t || '_default';
      execute format('select exists (select from %I where at >= $1 and at < $2)', t) into v_misplaced using v_from, v_to;
      if v_misplaced then
        execute format('alter table %I detach partition %I', t, d);
        execute format('alter table %I no force row level security', d);
      end if;
      execute format('create table %I partition of %I for values from (%L) to (%L)', p, t, v_from, v_to);
      if v_misplaced then
        execute format('insert into %I select * from %I where at >= $1 and at < $2', p, d) using v_from, v_to;
        execute format('alter table %I disable trigger user', d);
        execute format('delete from %I where at >= $1 and at < $2', d) using v_from, v_to;
        execute format('drop trigger if exists %I on %I', d || '_keeps_all', d);
        execute format('alter table %I disable row level security', d);
        execute format('alter table %I attach partition %I default', t, d);
        perform audit_close_partition(d);
      end if;
      perform audit_close_partition(p);
    end loop;
    return true;
  end $$`

const closePartition = `
  create function audit_close_partition(p_table text) returns void language plpgsql volatile security invoker as $$
  begin
    execute format('alter table %I enable row level security', p_table);
    execute format('alter table %I force row level security', p_table);
    execute format('create trigger %I before truncate on %I for each statement execute function audit_refuse()', p_table || '_keeps_all', p_table);
    execute format('alter table %I enable always trigger %I', p_table, p_table || '_keeps_all');
  end $$`

const firstPartitions = [
  'create table audit_event_default partition of audit_event default',
  'create table audit_ai_action_default partition of audit_ai_action default',
  "select audit_close_partition('audit_event_default'), audit_close_partition('audit_ai_action_default')",
  "select count(audit_add_partition(((now() at time zone 'UTC')::date + n * interval '1 month')::date)) from generate_series(0, 36) n",
]

/** The refusal of changes, and months. */
export const protectionFunctions: readonly string[] = [refuse, closePartition, addPartition]

/** What makes the store append-only, and its months: 36 ahead and a default for what falls outside. */
export const auditProtection: readonly string[] = [
  ...appendOnly('audit_event'),
  ...appendOnly('audit_ai_action'),
  ...appendOnly('audit_anchor'),
  ...keepHeads,
  ...firstPartitions,
]
