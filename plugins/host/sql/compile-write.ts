import { idempotencyOf } from '../../../routes/shared/operation.ts'
import { auditInput } from '../audit/index.ts'
import type { ArrayElement, BatchColumn } from '../database/binary-array.ts'
import { functionName, type CompiledFunction, type SqlGates } from './compiled.ts'
import { ownershipCheck } from './ownership.ts'
import { auditWriterRole, effectRole, gateRole } from './roles.ts'
import type { WriteStatement } from './statement.ts'

/** Columns of an item that the host fills in; a context's own come after. */
const itemColumns: readonly BatchColumn[] = [
  { name: 'agency_id', type: 'uuid' },
  { name: 'patient_id', type: 'uuid' },
  { name: 'user_id', type: 'text' },
  { name: 'at', type: 'timestamptz' },
  { name: 'audit_id', type: 'uuid' },
  { name: 'within_limits', type: 'boolean' },
  { name: 'key', type: 'text' },
  { name: 'fingerprint', type: 'bytea' },
  { name: 'expires_at', type: 'timestamptz' },
  { name: 'response', type: 'bytea' },
]

/** Audit inputs that an item carries under another name already, or that the declaration fixes. */
const known = (statement: WriteStatement): Readonly<Record<string, string>> => ({
  id: 'p_audit_id',
  agency_id: 'p_agency_id',
  at: 'p_at',
  action: `array_fill('${statement.operation.name}'::text, array[v_n])`,
  user_id: 'p_user_id',
  patient_id: 'p_patient_id',
  idempotency_key: 'p_key',
  ...(statement.operation.entity ? { entity_type: `array_fill('${statement.operation.entity.type}'::text, array[v_n])` } : {}),
})

/** Audit inputs that travel with each item, under the prefix `a_`. */
const carriedInputs = (statement: WriteStatement): BatchColumn[] =>
  auditInput.filter(({ name }) => !(name in known(statement))).map(({ name, type }) => ({ name: `a_${name}`, type }))

/** Every column of an item, in the order of the function's parameters. */
export const columnsOf = (statement: WriteStatement): readonly BatchColumn[] => [
  ...itemColumns,
  ...Object.entries(statement.columns).map(([name, type]) => ({ name, type: type as ArrayElement })),
  ...carriedInputs(statement),
]

const session = (role: string): string => `x := set_config('role', '${role}', true);`

const refuseUnless = (test: string, outcome: string): string => `
    if v_outcome is null and ${test} then
      v_outcome := '${outcome}';
    end if;`

const ownershipGate = (statement: WriteStatement, gates: SqlGates): string => {
  if (!gates.ownership || !statement.operation.ownership) return ''
  const { perform, refusal } = ownershipCheck(statement.operation.ownership, 'i.')
  return `
    ${perform}${refuseUnless('not found', refusal)}`
}

const consentGate = (statement: WriteStatement, gates: SqlGates): string => {
  const { consent } = statement.operation
  if (!gates.consent || !consent) return ''
  return refuseUnless(`consent_decision(i.agency_id, i.patient_id, '${consent.scope}', i.at) is null`, 'CONSENT_REQUIRED')
}

// The winner's insert stands here; only who loses, or finds an expired row, goes through the function.
const keyGate = ({ operation }: WriteStatement, gates: SqlGates): string => {
  if (!gates.idempotency || idempotencyOf(operation) === 'none') return ''
  const values = `i.agency_id, i.user_id, '${operation.name}', i.key, i.fingerprint, ${operation.reply.status}::smallint, i.response, i.audit_id, i.at, i.expires_at`
  return `
    if v_outcome is null and i.key is not null then
      insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
      values (${values}) on conflict do nothing;
      if not found then
        select c.outcome, c.response into v_claim, v_stored from host_claim_key(${values}) c;
        if v_claim = 'replayed' then
          v_outcome := 'replayed';
        elsif v_claim <> 'claimed' then
          v_outcome := 'CONFLICT';
          v_reason := v_claim;
        end if;
      elsif get_byte(i.fingerprint, 0) < 16 then
        perform host_sweep_keys(i.agency_id, i.at);
      end if;
    end if;`
}

const auditStep = (statement: WriteStatement, gates: SqlGates): string => {
  if (!gates.audit) return ''
  const at = known(statement)
  const inputs = auditInput.map(({ name }) => at[name] ?? `p_a_${name}`).join(', ')
  return `
  ${session(auditWriterRole)}
  return query select null::int, null::text, null::text, null::bytea, h.agency_id, h.seq, h.hash
  from audit_append_columns(p_lane, v_outcomes, v_reasons, ${inputs}) h;`
}

const body = (statement: WriteStatement, gates: SqlGates): string => {
  const columns = columnsOf(statement)
  return `
#variable_conflict use_column
declare
  x text; i record; v_n int := 0; v_outcome text; v_reason text; v_claim text; v_stored bytea;
  v_state text; v_constraint text; v_outcomes text[] := '{}'; v_reasons text[] := '{}';
begin
  for i in select * from unnest(${columns.map(({ name }) => `p_${name}`).join(', ')}) as t(${columns.map(({ name }) => name).join(', ')})
  loop
    v_outcome := null;
    v_reason := null;
    v_stored := null;
    x := set_config('app.current_agency', i.agency_id::text, true);
    x := set_config('app.current_patient', coalesce(i.patient_id::text, ''), true);
    x := set_config('app.current_actor', i.user_id, true);
    ${session(effectRole(statement.operation.effect))}${ownershipGate(statement, gates)}
    ${session(gateRole)}${consentGate(statement, gates)}${gates.conversationRate ? refuseUnless('not i.within_limits', 'RATE_LIMITED') : ''}${keyGate(statement, gates)}
    if v_outcome is null then
      ${session(effectRole(statement.operation.effect))}
      ${statement.sql.trim()};
      v_outcome := 'success';
    end if;
    v_outcomes := v_outcomes || v_outcome;
    v_reasons := v_reasons || v_reason;
    n := v_n;
    outcome := v_outcome;
    reason := v_reason;
    stored := v_stored;
    return next;
    v_n := v_n + 1;
  end loop;${auditStep(statement, gates)}
exception when others then
  -- Says which item is at fault and why, in codes alone: it is refused, and the others have not happened.
  get stacked diagnostics v_state = returned_sqlstate, v_constraint = constraint_name;
  raise exception using errcode = 'PTITM', message = v_n::text, detail = v_state, hint = v_constraint;
end `
}

/**
 * One function per declared write. It takes a lane of the audit chain and the items as one array per column, and runs every item under
 * its own agency, patient and role: ownership, consent, rate verdict, idempotency key, the context's statement, the audit row.
 */
export const compileWrite = (statement: WriteStatement, gates: SqlGates): CompiledFunction => {
  const name = functionName(statement.operation)
  const signature = ['p_lane int', ...columnsOf(statement).map((column) => `p_${column.name} ${column.type}[]`)].join(', ')
  const text = body(statement, gates)
  return {
    name,
    signature,
    body: text,
    ddl: `create or replace function ${name}(${signature})
returns table (n int, outcome text, reason text, stored bytea, agency_id uuid, seq bigint, hash bytea)
language plpgsql volatile security invoker as $postern$${text}$postern$`,
    grantee: 'postern_app',
  }
}
