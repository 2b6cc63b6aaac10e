import type { Catalogue, Grant, Policy, Relation } from './catalogue.ts'
import type { IsolationExpectation } from './isolation-expectation.ts'
import { queueReads, queueSchema, roleNames } from './roles.ts'

/** Named so on each table of the queue that could hold a text: what it lets in are ids and words of the queue itself. */
export const idsOnlyConstraint = 'postern_ids_only'
/** Tables of the queue through which a job's content passes. */
export const queueTables = ['job', 'event', 'meta'] as const

/** The queue looks for whose turn it is in all agencies at once. */
export const queuePolicy = (table: string, policy: Policy): string[] => {
  if (!Object.hasOwn(queueReads, table)) return [`Policy ${policy.name} opens ${table} to the queue, which must not read it.`]
  return policy.command === 'r' && policy.using === 'true' ? [] : [`Policy ${policy.name} on ${table} gives the queue more than SELECT.`]
}

/** Of an agency's tables the queue sees ids, column by column. */
export const queueGrant = (relation: Relation, { column, privilege }: Grant): string[] => {
  const said = `${roleNames.queue} has ${privilege} on ${relation.name}${column === null ? '' : `.${column}`}`
  if (privilege !== 'SELECT') return [`${said}: of agencies the queue may read ids alone.`]
  return column !== null && queueReads[relation.name]?.includes(column) ? [] : [`${said}, which is no id that the queue needs.`]
}

const isCarried = (name: string): boolean => name.startsWith(`${queueSchema}.`)

/** Everything that lets the queue carry more than ids, or anybody else look into it. */
export const isolationOfQueue = (catalogue: Catalogue, expected: IsolationExpectation): string[] => {
  if (!expected.foreignSchemas.includes(queueSchema)) return []
  const relations = catalogue.relations.filter(({ name }) => isCarried(name))
  const strangers = relations.flatMap(({ id, name }) =>
    catalogue.grants
      .filter(({ relation, grantee }) => relation === id && grantee !== roleNames.queue)
      .map(({ grantee, privilege }) => `${grantee} has ${privilege} on ${name}: the queue is its own role's alone.`),
  )
  const missing =
    relations.length === 0 ? [] : queueTables.filter((table) => !relations.some(({ name }) => name === `${queueSchema}.${table}`))
  const open = relations
    .filter(({ name, checks }) => queueTables.some((table) => name === `${queueSchema}.${table}`) && !checks.includes(idsOnlyConstraint))
    .map(({ name }) => `${name} is not kept to ids. Run: npm run migrate`)
  const definers = catalogue.routines
    .filter(({ name, definer }) => definer && isCarried(name))
    .map(({ name }) => `Function ${name} runs with its owner's rights (SECURITY DEFINER).`)
  return [...strangers, ...missing.map((table) => `The queue has no table ${table}. Run: npm run migrate`), ...open, ...definers]
}
