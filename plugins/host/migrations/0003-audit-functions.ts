import { auditInput } from '../audit/audit-input.ts'
import { appendColumns, columnNames, columnParameters } from './0003-audit-columns.ts'
import { protectionFunctions } from './0003-audit-protection.ts'

/** The columns that the hash covers, in the order of the canonical row: every column of `audit_event` but the hash. */
const canonicalColumns = [
  ['lane', 'smallint'],
  ['seq', 'bigint'],
  ['outcome', 'text'],
  ['reason', 'text'],
  ...auditInput.map(({ name, type }) => [name, type] as const),
] as const

const field = ([name, type]: readonly [string, string]): string => (type === 'text' ? `convert_to(c_${name}, 'UTF8')` : `c_${name}`)

/**
 * The canonical row: PostgreSQL's binary form of a record, which puts type and length before every value, so that no two rows give
 * the same bytes. Text goes in as UTF-8 bytes and time as microseconds since 2000-01-01 UTC, so that neither the client's
 * encoding nor its time zone matters. A plain SQL function: the planner puts it in place, in the append and in verification alike.
 */
const canonical = `
  create function audit_canonical(${canonicalColumns.map(([name, type]) => `c_${name} ${type}`).join(', ')}) returns bytea
  language sql stable parallel safe
  return record_send(row(${canonicalColumns.map(field).join(', ')}))`

const inputNames = auditInput.map(({ name }) => name)
const parameters = `p_outcome text, p_reason text, ${auditInput.map(({ name, type }) => `p_${name} ${type}`).join(', ')}`
const parameterValues = ['p_outcome', 'p_reason', ...inputNames.map((name) => (name === 'at' ? 'v_at' : `p_${name}`))]
const eventColumns = [...canonicalColumns.map(([name]) => name), 'hash'].join(', ')
const genesis = "decode(repeat('00', 32), 'hex')"

const aiColumns =
  'id, agency_id, at, agent_id, policy_version_id, under_role, user_id, action, outcome, reason, patient_id, entity_type, entity_id, request_id'
const executedBy = (underRole: string): string => `'AI Agent under ' || coalesce(${underRole}, 'no') || ' authority'`

/** One event in two statements: the lean way for a transaction that has one. */
const append = `
  create function audit_append(p_lane int, ${parameters}, out seq bigint, out hash bytea)
  language plpgsql volatile security invoker as $$
  declare v_at timestamptz(3) := p_at;
  begin
    loop
      update audit_head h
      set seq = h.seq + 1, hash = sha256(h.hash || audit_canonical(p_lane::smallint, h.seq + 1, ${parameterValues.join(', ')}))
      where h.agency_id = p_agency_id and h.lane = p_lane
      returning h.seq, h.hash into audit_append.seq, audit_append.hash;
      exit when found;
      insert into audit_head (agency_id, lane, seq, hash) values (p_agency_id, p_lane, 0, ${genesis}) on conflict do nothing;
    end loop;
    insert into audit_event (${eventColumns})
    values (p_lane, audit_append.seq, ${parameterValues.join(', ')}, audit_append.hash);
    if p_agent_id is not null then
      insert into audit_ai_action (${aiColumns}, executed_by)
      values (${aiColumns
        .split(', ')
        .map((name) => (name === 'at' ? 'v_at' : `p_${name}`))
        .join(', ')}, ${executedBy('p_under_role')});
    end if;
  end $$`

/** Events that come without a change of their own: refusals and reads. Takes its role itself. */
const appendBatch = `
  create function audit_append_batch(p_lane int, ${columnParameters}) returns table (agency_id uuid, seq bigint, hash bytea)
  language plpgsql volatile security invoker as $$
  declare x text;
  begin
    x := set_config('role', 'postern_audit_writer', true);
    x := set_config('lock_timeout', '1500ms', true);
    return query select * from audit_append_columns(p_lane, ${columnNames});
  end $$`

const callable = ['audit_canonical', 'audit_append', 'audit_append_columns', 'audit_append_batch']
const execution = [
  ...[...callable, 'audit_refuse', 'audit_close_partition', 'audit_add_partition'].map(
    (name) => `revoke execute on function ${name} from public`,
  ),
  ...callable.map((name) => `grant execute on function ${name} to postern_app, postern_audit_writer`),
  'grant execute on function audit_canonical to postern_audit_reader',
]

/** Functions of the audit store; the canonical row is defined here and nowhere else in SQL. */
export const auditFunctions: readonly string[] = [canonical, append, appendColumns, appendBatch, ...protectionFunctions, ...execution]
