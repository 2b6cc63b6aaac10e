import { idempotencyOf } from '../../../routes/shared/operation.ts'
import { auditInput } from '../audit/index.ts'
import type { ArrayElement, BatchColumn } from '../database/binary-array.ts'
import { functionName, snake, switchMoved, type CompiledFunction, type SqlGates } from './compiled.ts'
import { ownershipQuestion } from './ownership.ts'
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
  action: `array_fill('${statement.operation.name}'::text, array[cardinality(p_agency_id)])`,
  user_id: 'p_user_id',
  patient_id: 'p_patient_id',
  idempotency_key: 'p_key',
  ...(statement.operation.entity
    ? { entity_type: `array_fill('${statement.operation.entity.type}'::text, array[cardinality(p_agency_id)])` }
    : {}),
})

/** Audit inputs that travel with each item, under the prefix `a_`. */
const carriedInputs = (statement: WriteStatement): BatchColumn[] =>
  auditInput
    .filter(({ name }) => !(name in known(statement)))
    .map(({ name, type }) => ({ name: `a_${name}`, type, part: 'audit', field: name }))

/** Every column of an item, in the order of the function's parameters. */
export const columnsOf = (statement: WriteStatement): readonly BatchColumn[] => [
  ...itemColumns,
  ...Object.entries(statement.columns).map(([name, type]) => ({ name, type: type as ArrayElement, part: 'own' as const })),
  ...carriedInputs(statement),
]

const set = (setting: string, value: string): string => `x := set_config('${setting}', ${value}, true);`

const session = (role: string): string => set('role', `'${role}'`)

/** A column of the items of the session at hand. */
const part = (name: string): string => `p_${name}[v_from:v_to]`

const ownershipVerdict = (statement: WriteStatement, gates: SqlGates): string => {
  const { ownership } = statement.operation
  if (!gates.ownership || !ownership) return ''
  const claim = ownership.owner.claim === 'patientId' ? 'u.patient_id' : 'u.user_id'
  return `when (${ownershipQuestion(ownership, `u.${snake(ownership.param)}`, claim)}) is null then '${ownership.refusal}'`
}

const consentVerdict = (statement: WriteStatement, gates: SqlGates): string =>
  gates.consent && statement.operation.consent
    ? `when (select c.consent_id from consent_permits(u.agency_id, u.patient_id, '${statement.operation.consent.scope}', u.at) c) is null then 'CONSENT_REQUIRED'`
    : ''

const rateVerdict = (gates: SqlGates): string => (gates.conversationRate ? "when not u.within_limits then 'RATE_LIMITED'" : '')

const keyed = ({ operation }: WriteStatement, gates: SqlGates): boolean => gates.idempotency && idempotencyOf(operation) !== 'none'

const claimed = (statement: WriteStatement, gates: SqlGates): string =>
  keyed(statement, gates)
    ? `, claimed as (
      insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
      select j.agency_id, j.user_id, '${statement.operation.name}', j.key, j.fingerprint, ${statement.operation.reply.status}, j.response, j.audit_id, j.at, j.expires_at
      from judged j where j.verdict is null and j.key is not null order by j.agency_id, j.user_id, j.key
      on conflict do nothing returning audit_id
    )`
    : ''

const judgedColumns = itemColumns.map(({ name }) => name)

const verdicts = (statement: WriteStatement, gates: SqlGates): string => {
  const cases = [ownershipVerdict(statement, gates), consentVerdict(statement, gates), rateVerdict(gates)].filter(Boolean)
  return cases.length > 0 ? `case ${cases.join(' ')} end` : 'null::text'
}

// Ownership, consent, rate and key in one statement, in this order. Who has no verdict and no claim afterwards has met an earlier key.
const judge = (statement: WriteStatement, gates: SqlGates): string => {
  const { ownership } = statement.operation
  const names = ownership ? [...judgedColumns, snake(ownership.param)] : judgedColumns
  const won = keyed(statement, gates) ? "coalesce((select array_agg(c.audit_id) from claimed c), '{}')" : "'{}'"
  return `
    with judged as materialized (
      select u.*, ${verdicts(statement, gates)} as verdict
      from unnest(${names.map((name) => `p_${name}`).join(', ')}) with ordinality u(${names.join(', ')}, n)
    )${claimed(statement, gates)}
    select array_agg(j.verdict order by j.n), count(*) filter (where j.verdict is null and j.key is not null), ${won}
    into v_verdicts, v_asked, v_won from judged j;`
}

const meetEarlierKeys = (statement: WriteStatement, gates: SqlGates): string => {
  if (!keyed(statement, gates)) return ''
  const { operation } = statement
  return `
    if v_asked > cardinality(v_won) then
      for k in 1..cardinality(p_agency_id) loop
        continue when v_verdicts[k] is not null or p_key[k] is null or p_audit_id[k] = any (v_won);
        select c.outcome, c.response into v_claim, v_answer from host_claim_key(p_agency_id[k], p_user_id[k], '${operation.name}', p_key[k], p_fingerprint[k],
          ${operation.reply.status}::smallint, p_response[k], p_audit_id[k], p_at[k], p_expires_at[k]) c;
        if v_claim = 'replayed' then
          v_verdicts[k] := 'replayed';
          v_stored[k] := v_answer;
        elsif v_claim <> 'claimed' then
          v_verdicts[k] := 'CONFLICT';
          v_reasons[k] := v_claim;
        end if;
      end loop;
    elsif get_byte(uuid_send(p_audit_id[1]), 15) < 16 + 5 * cardinality(p_agency_id) then
      -- Any item's agency, since the first one's has always the lowest id; the larger the batch the likelier, so that sweeping keeps up.
      v_to := 1 + get_byte(uuid_send(p_audit_id[1]), 14) % cardinality(p_agency_id);
      perform host_sweep_keys(p_agency_id[v_to], p_at[v_to]);
    end if;`
}

/** The items of a session under the context's own names. A session of one, the common one among many agencies, needs no arrays taken apart. */
const sessionItems = (names: readonly string[], alone: boolean): string =>
  alone
    ? `select ${names.map((name) => `p_${name}[v_from] as ${name}`).join(', ')} where v_verdicts[v_from] is null`
    : `select t.* from unnest(${names.map(part).join(', ')}, v_verdicts[v_from:v_to]) as t(${names.join(', ')}, verdict) where t.verdict is null`

const execute = (statement: WriteStatement): string => {
  const names = ['agency_id', 'patient_id', 'user_id', 'at', 'audit_id', ...Object.keys(statement.columns)]
  const work = (alone: boolean): string => `
      with items as (${sessionItems(names, alone)})
      ${statement.sql.trim()};
      get diagnostics v_done = row_count;`
  return `
    if v_from = v_to then${work(true)}
    else${work(false)}
    end if;
    if v_done <> cardinality(array_positions(v_verdicts[v_from:v_to], null)) then
      raise exception 'a statement has not worked each of its items once' using errcode = 'PT500';
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

/** The caller's switches were read when the database had counted `p_moves` moves: another number, and they must be read again first. */
const switchesUnmoved = `
  ${session(gateRole)}
  if (select s.last_value from host_switch_moves s) is distinct from p_moves then
    raise exception 'a switch has moved' using errcode = '${switchMoved}', detail = (select s.last_value from host_switch_moves s)::text;
  end if;`

const patients = (all: string, first: string): string =>
  set('app.current_patient', `case when ${first} is null then '' else ${all}::text end`)

const body = (statement: WriteStatement, gates: SqlGates): string => `
#variable_conflict use_column
declare
  x text; v_from int := 1; v_to int; v_done bigint; v_verdicts text[]; v_asked int; v_won uuid[]; v_claim text; v_answer bytea; v_outcomes text[];
  v_reasons text[] := array_fill(null::text, array[cardinality(p_agency_id)]);
  v_stored bytea[] := array_fill(null::bytea, array[cardinality(p_agency_id)]);
begin
  ${set('app.current_agencies', 'p_agency_id::text')}
  ${patients('p_patient_id', 'p_patient_id[1]')}
  ${session(gateRole)}${judge(statement, gates)}${meetEarlierKeys(statement, gates)}
  ${session(effectRole(statement.operation.effect))}
  foreach v_to in array p_ends loop
    ${set('app.current_agency', 'p_agency_id[v_from]::text')}
    ${patients(part('patient_id'), 'p_patient_id[v_from]')}
    ${set('app.current_actor', 'p_user_id[v_from]')}${execute(statement)}
    v_from := v_to + 1;
  end loop;
  v_outcomes := array_replace(v_verdicts, null, 'success');
  if array_length(array_remove(v_verdicts, null), 1) > 0 then
    return query select (u.n - 1)::int, u.outcome, u.reason, u.stored, null::uuid, null::bigint, null::bytea
    from unnest(v_outcomes, v_reasons, v_stored) with ordinality u(outcome, reason, stored, n) where u.outcome <> 'success';
  end if;${auditStep(statement, gates)}
${switchesUnmoved}
end `

/**
 * One function per declared write, which is its own transaction. It takes a lane of the audit chain, the moves of switches that are known,
 * the items as one array per column, and where each session's items end. The host's own roles, gate and audit writer, work the whole batch at once: ownership, consent, rate verdict, idempotency
 * key; and at the end the audit rows and the switches. The context's statement runs between them, session by session.
 *
 * A session is an agency and the patients whose requests are in the batch: row security admits their rows and no others, the ownership
 * question ties each item to its own agency and patient, and what a context writes is tied by its foreign keys. The host's two roles see
 * the agencies of the batch (`current_agencies`): an agency at a time, they took a third of what such a write costs.
 */
export const compileWrite = (statement: WriteStatement, gates: SqlGates): CompiledFunction => {
  const name = functionName(statement.operation)
  const signature = [
    'p_lane int',
    'p_moves bigint',
    'p_ends int[]',
    ...columnsOf(statement).map((column) => `p_${column.name} ${column.type}[]`),
  ].join(', ')
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

/** Items that may share a batch: an operation's of patients, or of others. */
export const batchOf = (statement: WriteStatement, item: Readonly<Record<string, unknown>>): string =>
  `${functionName(statement.operation)}:${item['patient_id'] === null ? 's' : 'p'}`

/** Items that may share a session: of one agency, all of patients or none; authors have one each. */
export const sessionOf = (statement: WriteStatement, item: Readonly<Record<string, unknown>>): string =>
  `${String(item['agency_id'])}:${item['patient_id'] === null ? 's' : 'p'}:${statement.operation.effect === 'write' ? '' : String(item['user_id'])}`
