import { readingRole } from './roles.ts'
import { functionName, type CompiledFunction, type SqlGates } from './compiled.ts'
import { ownershipCheck } from './ownership.ts'
import type { ReadStatement } from './statement.ts'

const hostParameters = 'p_agency_id uuid, p_user_id text, p_patient_id uuid, p_consent_patient uuid, p_at timestamptz'

/** The values that precede a read's own arguments, in order. */
export const readHostArity = 5

const agencyPredicate = (sql: string, of: (alias: string) => string): string =>
  sql.replaceAll(/\{\{agency (\w+)\}\}/g, (_, alias: string) => of(alias))
const oneAgency = (alias: string): string => `${alias}.agency_id = p_agency_id`

/**
 * `{{consent x}}`: does the patient of table alias `x` permit, by the scope that the operation declares? A patient's own session is not
 * asked where the declaration exempts patients.
 */
const consentPredicate = ({ sql, operation }: ReadStatement, gates: SqlGates): string =>
  sql.replaceAll(/\{\{consent (\w+)\}\}/g, (_, alias: string) => {
    const { consent } = operation
    if (!consent) throw new Error(`${operation.name} asks for the consent of a record and declares none.`)
    if (!gates.consent) return 'true'
    const own = consent.exempt?.includes('patient') ? '(select p_patient_id is not null) or ' : ''
    return `(${own}exists (select from consent_permits(p_agency_id, ${alias}.patient_id, '${consent.scope}', p_at)))`
  })

/** The column of the owned row that names whose consent is asked. */
const consentColumn = ({ operation }: ReadStatement): string | undefined => {
  const patient = operation.consent?.patient
  return typeof patient === 'object' && 'column' in patient ? patient.column : undefined
}

const consentCheck = (statement: ReadStatement): string => {
  const { consent } = statement.operation
  if (!consent || consent.patient === 'record') return ''
  // A row without a patient is nobody's consent; a request that names none is exempt, or asks of each record.
  const ofRow = consentColumn(statement) !== undefined
  const mayBeNobody = typeof consent.patient === 'object' && consent.patient.optional === true
  const subject = ofRow ? 'v_patient' : 'p_consent_patient'
  return `
  if ${ofRow && !mayBeNobody ? 'true' : `${subject} is not null`} then
    x := set_config('role', 'postern_gate', true);
    if consent_decision(p_agency_id, ${subject}, '${consent.scope}', p_at) is null then
      raise exception using errcode = 'PT403', message = 'CONSENT_REQUIRED';
    end if;
    x := set_config('role', '${readingRole(statement.operation)}', true);
  end if;`
}

const signature = (statement: ReadStatement): string =>
  [hostParameters, ...Object.entries(statement.args).map(([name, type]) => `p_${name} ${type}`)].join(', ')

const returns = (statement: ReadStatement): string =>
  Object.entries(statement.returns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')

/**
 * A page comes in its order from an index and ends where it is full. Left to itself the planner fetches and sorts everything that a list
 * holds wherever it expects little of it, and it knows no more than how much lists hold on average.
 */
const inOrder = ({ args }: ReadStatement): string => ('row_limit' in args ? "\n  x := set_config('enable_sort', 'off', true);" : '')

/** One READ ONLY function per declared read: session, ownership, consent, then the context's own select. */
export const compileRead = (statement: ReadStatement, gates: SqlGates): CompiledFunction => {
  const name = functionName(statement.operation)
  const column = consentColumn(statement)
  const ownership = gates.ownership && statement.operation.ownership ? ownershipCheck(statement.operation.ownership, 'p_', column) : null
  const body = `
#variable_conflict use_column
declare x text;${column === undefined ? '' : ' v_patient uuid;'}
begin
  x := set_config('transaction_read_only', 'on', true);
  x := set_config('app.current_agency', p_agency_id::text, true);
  x := set_config('app.current_patient', coalesce(p_patient_id::text, ''), true);
  x := set_config('app.current_actor', p_user_id, true);
  x := set_config('role', '${readingRole(statement.operation)}', true);${
    ownership
      ? `
  ${ownership.perform}
  if not found then
    raise exception using errcode = 'PT403', message = '${ownership.refusal}';
  end if;`
      : ''
  }${gates.consent ? consentCheck(statement) : ''}${inOrder(statement)}
  return query ${agencyPredicate(consentPredicate(statement, gates), oneAgency).trim()};
end `
  return {
    name,
    signature: signature(statement),
    body,
    ddl: `create or replace function ${name}(${signature(statement)}) returns table (${returns(statement)})
language plpgsql volatile security invoker as $postern$${body}$postern$`,
    grantee: 'postern_app',
  }
}

/** The same read for a founder across agencies: no agency predicate, run by the bypass login, which may only select. */
export const compileReadAcross = (statement: ReadStatement): CompiledFunction => {
  if (!('agency_id' in statement.returns))
    throw new Error(`${statement.operation.name} reads across agencies and must return agency_id: its audit names them.`)
  if (statement.operation.consent) throw new Error(`${statement.operation.name} asks for consent, which is given in one agency.`)
  const name = `${functionName(statement.operation)}_across`
  const { everywhere } = statement
  const anyAgency = (alias: string): string => (everywhere ? `${alias}.${everywhere}` : 'true')
  const body = `
#variable_conflict use_column
declare x text;
begin
  x := set_config('transaction_read_only', 'on', true);${inOrder(statement)}
  return query ${agencyPredicate(statement.sql, anyAgency).trim()};
end `
  return {
    name,
    signature: signature(statement),
    body,
    ddl: `create or replace function ${name}(${signature(statement)}) returns table (${returns(statement)})
language plpgsql volatile security invoker as $postern$${body}$postern$`,
    grantee: 'postern_bypass',
  }
}
