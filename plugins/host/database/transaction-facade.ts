import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { CompiledQuery, type Transaction as KyselyTransaction } from 'kysely'
import type { Transaction } from '../service.ts'
import type { Row } from '../sql/statement.ts'
import { checkDomainStatement } from './domain-statement.ts'

const contextOf = (em: EntityManager): KyselyTransaction<unknown> => {
  const context = em.getTransactionContext<KyselyTransaction<unknown>>()
  if (!context) throw new Error('a domain statement outside its transaction')
  return context
}

/** Runs one statement with bound parameters on the transaction's own connection. */
export const execute = async <R = Row>(em: EntityManager, statement: string, parameters: readonly unknown[] = []): Promise<R[]> => {
  const { rows } = await contextOf(em).executeQuery<R>(CompiledQuery.raw(statement, [...parameters]))
  return rows
}

/**
 * Runs work in a transaction under these settings. What it began and did not wait for ends before the commit: a statement that still waited for
 * its turn would be sent after it, into the next transaction on the same connection, which can be another agency's.
 */
export const inTransaction = <R>(
  orm: MikroORM,
  variables: Readonly<Record<string, string>>,
  work: (em: EntityManager) => Promise<R>,
): Promise<R> => {
  const em = orm.em.fork()
  em.setSessionContext({ variables })
  return em.transactional(async (inner) => {
    const result = await work(inner)
    await contextOf(inner)
      .getExecutor()
      .provideConnection(async () => undefined)
    return result
  })
}

/** The part of the entity manager that cannot leave its transaction, role and agency. */
export const facadeOf = (em: EntityManager): Transaction => ({
  find: em.find.bind(em),
  findOne: em.findOne.bind(em),
  count: em.count.bind(em),
  create: em.create.bind(em),
  persist: em.persist.bind(em),
  remove: em.remove.bind(em),
  flush: em.flush.bind(em),
  insert: em.insert.bind(em),
  nativeUpdate: em.nativeUpdate.bind(em),
  lock: em.lock.bind(em),
  refresh: em.refresh.bind(em),
  assign: em.assign.bind(em),
  sql: (statement, parameters) => {
    checkDomainStatement(statement)
    return execute(em, statement, parameters)
  },
})
