import { auditInput } from '../audit/index.ts'
import { functionName, type CompiledFunction, type SqlGates } from './compiled.ts'
import { ownershipCheck } from './ownership.ts'
import { auditWriterRole, effectRole, gateRole } from './roles.ts'
import { idempotencyOf } from '../../../routes/shared/operation.ts'
import type { WriteStatement } from './statement.ts'

/** Columns of an item that the host fills in; a context's own come after. */
export const itemColumns = {
  n: 'int',
  agency_id: 'uuid',
  patient_id: 'uuid',
  user_id: 'text',
  at: 'timestamptz',
  audit_id: 'uuid',
  within_limits: 'boolean',
  key: 'text',
  fingerprint: 'bytea',
  expires_at: 'timestamptz',
  status: 'smallint',
  response: 'bytea',
} as const

/** Audit inputs that an item carries under another name already, or that the declaration fixes. */
const known = (statement: WriteStatement): Readonly<Record<string, string>> => ({
  id: 'i.audit_id',
  agency_id: 'i.agency_id',
  at: 'i.at',
  action: `'${statement.operation.name}'`,
  user_id: 'i.user_id',
  patient_id: 'i.patient_id',
  idempotency_key: 'i.key',
  entity_type: statement.operation.entity ? `'${statement.operation.entity.type}'` : 'null',
})

/** Audit inputs that travel with each item, under the prefix `a_`. */
export const carriedInputs = (statement: WriteStatement): { name: string; type: string }[] => auditInput.filter(({ name }) => !(name in known(statement)))

const recordset = (statement: WriteStatement): string =>
  [
    ...Object.entries(itemColumns).map(([name, type]) => `${name} ${type}`),
    ...Object.entries(statement.columns).map(([name, type]) => `${name} ${type}`),
    ...carriedInputs(statement).map(({ name, type }) => `a_${name} ${type}`),
  ].join(', ')

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

const keyGate = (statement: WriteStatement, gates: SqlGates): string => {
  if (!gates.idempotency || idempotencyOf(statement.operation) === 'none') return ''
  return `
      if v_outcome is null and i.key is not null then
        select c.outcome, c.response into v_claim, v_stored
        from host_claim_key(i.agency_id, i.user_id, '${statement.operation.name}', i.key, i.fingerprint, i.status, i.response, i.audit_id, i.at, i.expires_at) c;
        if v_claim = 'replayed' then
          v_outcome := 'replayed';
        elsif v_claim <> 'claimed' then
          v_outcome := 'CONFLICT';
          v_reason := v_claim;
        end if;
      end if;`
}

const auditRow = (statement: WriteStatement, gates: SqlGates): string => {
  if (!gates.audit) return ''
  const at = known(statement)
  const inputs = auditInput.map(({ name }) => at[name] ?? `i.a_${name}`).join(', ')
  return `
    ${session(auditWriterRole)}
    v_rows := array_append(v_rows, audit_row(v_outcome, v_reason, ${inputs}));`
}

// One lock, one insert and one new head per agency for the whole batch; heads come back as rows without a number.
const auditStep = (gates: SqlGates): string =>
  gates.audit
    ? `
  return query select null::int, null::text, null::text, null::bytea, h.agency_id, h.seq, h.hash from audit_append_rows(p_lane, v_rows) h;`
    : ''

const body = (statement: WriteStatement, gates: SqlGates): string => `
#variable_conflict use_column
declare
  x text; i record; v_outcome text; v_reason text; v_claim text; v_stored bytea; v_constraint text; v_rows audit_event[] := '{}';
begin
  for i in select * from json_to_recordset(p_items) as t(${recordset(statement)})
  loop
    v_outcome := null;
    v_reason := null;
    v_stored := null;
    -- An item stands for itself: what fails in it is undone alone and refused alone, never tried again.
    begin
      x := set_config('app.current_agency', i.agency_id::text, true);
      x := set_config('app.current_patient', coalesce(i.patient_id::text, ''), true);
      x := set_config('app.current_actor', i.user_id, true);
      ${session(effectRole(statement.operation.effect))}${ownershipGate(statement, gates)}
      ${session(gateRole)}${consentGate(statement, gates)}${
        gates.conversationRate ? refuseUnless('not i.within_limits', 'RATE_LIMITED') : ''
      }${keyGate(statement, gates)}
      if v_outcome is null then
        ${session(effectRole(statement.operation.effect))}
        ${statement.sql.trim()};
        v_outcome := 'success';
      end if;
    exception
      when lock_not_available then
        v_outcome := 'CONFLICT';
        v_reason := 'in-flight';
      when others then
        get stacked diagnostics v_constraint = constraint_name;
        if v_constraint = any (array[${(statement.conflicts ?? []).map((name) => `'${name}'`).join(', ')}]::text[]) then
          v_outcome := 'CONFLICT';
          v_reason := 'duplicate';
        else
          v_outcome := 'UPSTREAM_UNAVAILABLE';
          v_reason := 'internal';
        end if;
    end;${auditRow(statement, gates)}
    n := i.n;
    outcome := v_outcome;
    reason := v_reason;
    stored := v_stored;
    return next;
  end loop;${auditStep(gates)}
end `

/**
 * One function per declared write. It takes a lane of the audit chain and a JSON array of items, and runs every item under its own
 * agency, patient and role: ownership, consent, rate verdict, idempotency key, the context's statement, the audit row.
 */
export const compileWrite = (statement: WriteStatement, gates: SqlGates): CompiledFunction => {
  const name = functionName(statement.operation)
  const text = body(statement, gates)
  return {
    name,
    signature: 'p_lane int, p_items json',
    body: text,
    ddl: `create or replace function ${name}(p_lane int, p_items json)
returns table (n int, outcome text, reason text, stored bytea, agency_id uuid, seq bigint, hash bytea)
language plpgsql volatile security invoker as $postern$${text}$postern$`,
    grantee: 'postern_app',
  }
}
