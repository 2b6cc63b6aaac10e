import type { Catalogue, Grant, Policy, Relation } from './catalogue.ts'
import type { IsolationExpectation } from './isolation-expectation.ts'
import { queueGrant, queuePolicy } from './isolation-of-queue.ts'
import { roleNames } from './roles.ts'

const writesRows = (policy: Policy): boolean => policy.command === '*' || policy.command === 'a' || policy.command === 'w'
const filtersRows = (policy: Policy): boolean => policy.command !== 'a'

const agencyPredicate = (column: string): string => `(${column} = ( SELECT public.current_agency() AS current_agency))`
const agencies = 'public.current_agencies()'
/** The host's own roles work a batch of writes at once; under them no context's SQL runs. */
const batchRoles: readonly string[] = [roleNames.gate, roleNames.auditWriter]
const batchPredicate = (column: string): string => `(${column} = ANY (( SELECT ${agencies} AS current_agencies)::uuid[]))`
const patients = 'public.current_patients()'
const patientPredicate = `(( SELECT (${patients} IS NULL)) OR (patient_id = ANY (( SELECT ${patients} AS current_patients)::uuid[])))`

/** The bypass reads everything of a table, and does nothing else. */
const bypassPolicy = (table: string, policy: Policy, expected: IsolationExpectation): string[] => {
  if (expected.hiddenFromBypass.includes(table)) return [`Policy ${policy.name} opens ${table} to the bypass, which must not read it.`]
  return policy.command === 'r' && policy.using === 'true' ? [] : [`Policy ${policy.name} on ${table} gives the bypass more than SELECT.`]
}

/** Whoever has no token reads all of what is published; its writers are bound to their agency like any. */
const publicPolicy = (table: string, policy: Policy, expected: IsolationExpectation): string[] => {
  if (!expected.published.includes(table)) return [`Policy ${policy.name} opens ${table} to the public, and it is not published.`]
  return policy.command === 'r' && policy.using === 'true' ? [] : [`Policy ${policy.name} on ${table} gives the public more than SELECT.`]
}

const permissivePolicy = (table: string, column: string, policy: Policy, expected: IsolationExpectation): string[] => {
  const [role = 'nobody', ...others] = policy.roles
  const named = `Policy ${policy.name} on ${table}`
  if (others.length > 0) return [`${named} is for several roles (${policy.roles.join(', ')}): it takes one policy per role.`]
  if (role === expected.bypassLogin) return bypassPolicy(table, policy, expected)
  if (role === roleNames.public) return publicPolicy(table, policy, expected)
  if (role === roleNames.queue) return queuePolicy(table, policy)
  if (!expected.roles.includes(role) && role !== expected.ownerLogin) return [`${named} is for ${role}, which is no role of the service.`]
  // The owner may read its own tables whole (a chain is verified that way); the service cannot become the owner.
  if (role === expected.ownerLogin && policy.command === 'r') return []
  const wanted = batchRoles.includes(role) ? batchPredicate(column) : agencyPredicate(column)
  const wrong: string[] = []
  if (filtersRows(policy) && policy.using !== wanted) wrong.push(`${named} lets rows through by another predicate than the agency.`)
  if (writesRows(policy) && policy.check === null) wrong.push(`${named} has no WITH CHECK.`)
  else if (writesRows(policy) && policy.check !== wanted) wrong.push(`${named} checks written rows by another predicate than the agency.`)
  return wrong
}

const meet = (one: Policy, other: Policy): boolean => one.command === other.command || one.command === '*' || other.command === '*'

/** Permissive policies of one command add up, so a second one for a role would be an OR in disguise. */
const doublePolicies = (table: string, policies: readonly Policy[]): string[] => {
  const twice = policies.filter((policy, index) =>
    policies.slice(0, index).some((other) => other.roles[0] === policy.roles[0] && meet(policy, other)),
  )
  const roles = new Set(twice.map((policy) => policy.roles[0]))
  return [...roles].map((role) => `${table} has two permissive policies for ${role}: they add up, so there must be one.`)
}

const bindsPatients = (policy: Policy): boolean =>
  !policy.permissive &&
  policy.command === '*' &&
  policy.roles.includes('PUBLIC') &&
  policy.using === patientPredicate &&
  policy.check === patientPredicate

const tenantTable = (table: Relation, policies: readonly Policy[], expected: IsolationExpectation): string[] => {
  const { name } = table
  const column = expected.agencyColumns[name] ?? 'agency_id'
  const permissive = policies.filter((policy) => policy.permissive)
  const wrong: string[] = []
  if (!table.keys.includes(column)) wrong.push(`${name} has no column ${column} of type uuid that is NOT NULL.`)
  if (!table.secured) wrong.push(`${name} has no row-level security.`)
  if (!table.forced) wrong.push(`${name} does not force row-level security on its owner.`)
  wrong.push(...permissive.flatMap((policy) => permissivePolicy(name, column, policy, expected)))
  wrong.push(...doublePolicies(name, permissive), ...looseReferences(table, column))
  const unbound = table.columns.includes('patient_id') && !expected.beyondPatients.includes(name)
  if (unbound && !policies.some(bindsPatients)) wrong.push(`${name} has a patient_id and no restrictive policy for patient sessions.`)
  return wrong
}

/** A foreign key without the agency would let one agency's row point at another's. */
const looseReferences = (table: Relation, column: string): string[] =>
  table.references
    .filter(({ columns }) => !columns.includes(column))
    .map(({ name }) => `Foreign key ${name} of ${table.name} does not include ${column}.`)

const mayOnlyGrow = (table: Relation, grants: readonly Grant[]): string[] => {
  const changes = grants.filter(({ privilege }) => ['UPDATE', 'DELETE', 'TRUNCATE'].includes(privilege))
  const wrong = changes.map(({ grantee, privilege }) => `${grantee} has ${privilege} on ${table.name}, which may only grow.`)
  const all = 8 | 16 | 32
  if ((table.triggers & all) !== all) wrong.push(`${table.name} has no enabled trigger against UPDATE, DELETE and TRUNCATE.`)
  return wrong
}

const allowed = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])

const grantOf = (relation: Relation, grant: Grant, expected: IsolationExpectation): string[] => {
  const { grantee, privilege } = grant
  const said = `${grantee} has ${privilege} on ${relation.name}`
  if (grantee === 'PUBLIC') return [`${said}: nothing is granted to everyone.`]
  if (grantee === expected.bypassLogin) {
    if (privilege !== 'SELECT') return [`${said}: the bypass may SELECT alone.`]
    return expected.hiddenFromBypass.includes(relation.name) ? [`${said}, which the bypass must not read.`] : []
  }
  if (!expected.roles.includes(grantee)) return [`${said}, and is no role of the service.`]
  if (grantee === roleNames.queue) return queueGrant(relation, grant)
  if (relation.kind === 'S')
    return privilege === 'SELECT' || privilege === 'USAGE' ? [] : [`${said}: a role may count on and set nothing back.`]
  if (grantee === roleNames.public) {
    if (!expected.published.includes(relation.name)) return [`${said}, which is not published.`]
    return privilege === 'SELECT' ? [] : [`${said}: the public may SELECT alone.`]
  }
  return allowed.has(privilege) ? [] : [`${said}: no role needs that.`]
}

const ofSomebody = ['agency_id', 'patient_id', 'author_id', 'user_id']

/** Nothing of anybody's may stand in it, and no role may change it. */
const referenceTable = ({ name, columns }: Relation, grants: readonly Grant[]): string[] => [
  ...columns.filter((column) => ofSomebody.includes(column)).map((column) => `${name} is a reference table and has a column ${column}.`),
  ...grants
    .filter(({ privilege }) => privilege !== 'SELECT')
    .map(({ grantee, privilege }) => `${grantee} has ${privilege} on ${name}, a reference table.`),
]

const byKind = (relation: Relation, grants: readonly Grant[], policies: readonly Policy[], expected: IsolationExpectation): string[] => {
  const { name, kind } = relation
  const reachable = grants.length > 0
  if (kind === 'S') return []
  if (kind === 'v') return relation.invoker ? [] : [`View ${name} runs with its owner's rights: it takes security_invoker = true.`]
  if (kind === 'm' || kind === 'f') return reachable ? [`${name} is reachable, and row-level security cannot hold on its kind.`] : []
  if (relation.partition) return reachable ? [`Partition ${name} is reachable without its parent's policies.`] : []
  if (expected.ownerOnly.includes(name)) return reachable ? [`${name} belongs to no agency, and is not its owner's alone.`] : []
  if (expected.reference.includes(name)) return referenceTable(relation, grants)
  return tenantTable(relation, policies, expected)
}

/** Everything that lets a row of one agency be seen or changed in the context of another. */
export const isolationOfTables = (catalogue: Catalogue, expected: IsolationExpectation): string[] => {
  const relations = catalogue.relations.filter(({ name }) => !expected.foreignSchemas.some((schema) => name.startsWith(`${schema}.`)))
  return relations.flatMap((relation) => {
    const grants = catalogue.grants.filter((grant) => grant.relation === relation.id)
    const policies = catalogue.policies.filter((policy) => policy.relation === relation.id)
    return [
      ...byKind(relation, grants, policies, expected),
      ...grants.flatMap((grant) => grantOf(relation, grant, expected)),
      ...(expected.appendOnly.includes(relation.name) ? mayOnlyGrow(relation, grants) : []),
      ...(relation.rules > 0 ? [`${relation.name} has a rewrite rule, which runs with its owner's rights.`] : []),
    ]
  })
}
