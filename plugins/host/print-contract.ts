import { existsSync } from 'node:fs'
import type { Clause } from '../../config/clauses.ts'
import { permissionTable } from '../../config/permissions.ts'
import { idempotencyOf, problemsOf, type AnyOperation, type ConsentGate } from '../../routes/shared/operation.ts'
import { contractChecks, type Declared } from './contract-checks.ts'

const cell = (value: string | undefined): string => (value ? value.replaceAll('|', '\\|') : '–')
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`, ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`)].join('\n')

const clauseRow = (declared: Declared, { id, says, checks, tests }: Clause): { row: string[]; failures: string[] } => {
  const results = checks.map((name) => [name, contractChecks[name]?.(declared) === true] as const)
  const missing = tests.filter((path) => !existsSync(new URL(path, declared.root)))
  return {
    row: [id, says, results.map(([name, holds]) => `${name}: ${holds ? 'holds' : 'BROKEN'}`).join(', '), tests.join(', ')],
    failures: [
      ...results.filter(([, holds]) => !holds).map(([name]) => `${id}: ${name} is broken`),
      ...missing.map((path) => `${id}: ${path} does not exist`),
    ],
  }
}

const patientOf = ({ patient }: ConsentGate): string => {
  if (typeof patient === 'string') return patient
  if ('column' in patient) return `record (${patient.column}${patient.optional ? ', if any' : ''})`
  if (!patient.optional) return patient.field
  return patient.in === 'body' ? `${patient.field}, if named` : `${patient.field}, else record`
}
const throughOf = ({ through }: ConsentGate): string => (through ? `; ${through.scope} too by ${through.field} (${through.port})` : '')
const exemptOf = ({ exempt = [] }: ConsentGate): string => (exempt.length > 0 ? `; not asked of ${exempt.join(', ')}` : '')
const consentOf = ({ consent }: AnyOperation): string =>
  consent ? `${consent.scope} of ${patientOf(consent)}${throughOf(consent)}${exemptOf(consent)}` : ''
const limitsOf = ({ limits = [], maxBody }: AnyOperation): string =>
  ['user', ...limits.map(({ policy }) => policy), ...(maxBody === undefined ? [] : [`body ${maxBody}`])].join(', ')
/** What must be the caller's own: a row by its column, and what the request names. */
const ownOf = ({ agrees = [], ownership }: AnyOperation): string =>
  [
    ...(ownership ? [`${ownership.table}.${ownership.owner.column}`] : []),
    ...agrees.map(
      ({ in: place, field, audiences, exceptRoles = [] }) =>
        `${place}.${field} (${audiences.join(', ')}${exceptRoles.length > 0 ? ` but ${exceptRoles.join(', ')}` : ''})`,
    ),
  ].join(', ')
const keyOf = (operation: AnyOperation): string => `${idempotencyOf(operation)}${operation.ifMatch ? ', If-Match' : ''}`

const operationRow = (context: string, operation: AnyOperation): string[] => [
  context,
  operation.name,
  `${operation.method} /api${operation.path}`,
  operation.effect,
  [...operation.audience, ...(operation.acrossAgencies ? ['founder across agencies'] : [])].join(', '),
  operation.scopes.join(', '),
  operation.killSwitch ?? '',
  ownOf(operation),
  consentOf(operation),
  limitsOf(operation),
  keyOf(operation),
  operation.audit,
  problemsOf(operation).join(', '),
]

const operationHead = [
  'context',
  'operation',
  'route',
  'effect',
  'audience',
  'scopes',
  'switch',
  'ownership',
  'consent',
  'limits',
  'key',
  'audit',
  'codes',
]

/** The whole posture as one text: clauses with their checks, contexts with their reach, operations with their gates, the matrix. */
export const printContract = (declared: Declared, clauses: readonly Clause[]): { text: string; failures: string[] } => {
  const held = clauses.map((clause) => clauseRow(declared, clause))
  const contexts = declared.manifests.map(({ name, step, effects, audience, capabilities, killSwitches, tables, upstreamHosts }) => [
    name, step === null ? '' : String(step), effects.join(', '), audience.join(', '), capabilities.join(', '), killSwitches.join(', '), tables.join(', '), upstreamHosts.join(', '),
  ]) // prettier-ignore
  const matrix = permissionTable().map((row) =>
    Object.values(row).map((value) => (Array.isArray(value) ? value.join(', ') : String(value ?? ''))),
  )
  const amendments = declared.contract.amendments.map(({ id, clause, decision, permits, approvedBy, date, reason }) => [
    id,
    clause,
    decision,
    permits.join(', '),
    approvedBy,
    date,
    reason,
  ])
  const sections = [
    '# The execution contract',
    'Printed by `npm run contract` from the declarations. A difference between this file and the declarations fails CI: a change of posture is a change of this file, and is reviewed as one.',
    '## Clauses',
    table(
      ['clause', 'says', 'checks', 'proved by'],
      held.map(({ row }) => row),
    ),
    '## Contexts in their order',
    table(['context', 'step', 'effects', 'audience', 'capabilities', 'switches', 'tables', 'upstream hosts'], contexts),
    '## Operations and their gates',
    table(
      operationHead,
      declared.operations.map(({ context, operation }) => operationRow(context, operation)),
    ),
    '## Without a request',
    declared.later.length > 0
      ? table(
          ['context', 'name', 'what', 'switch'],
          declared.later.map(({ context, name, what, killSwitch }) => [context, name, what, killSwitch]),
        )
      : 'Nothing.',
    '## Permissions',
    table(Object.keys(permissionTable()[0] ?? {}), matrix),
    '## Amendments',
    amendments.length > 0 ? table(['id', 'clause', 'decision', 'permits', 'approved by', 'date', 'reason'], amendments) : 'None.',
  ]
  return { text: `${sections.join('\n\n')}\n`, failures: held.flatMap(({ failures }) => failures) }
}
