import type pg from 'pg'

/** What MikroORM opens a transaction with: nothing of it gives an answer that anybody waits for. */
const opens = /^(?:begin$|select set_config\()/

const nothing = { command: '', rowCount: null, rows: [] }

/** A transaction that failed is committed without an error, as if it had been rolled back on purpose: only the answer tells. */
const checkCommitted = (result: { readonly command: string }): unknown => {
  if (result.command !== 'COMMIT') throw new Error('a transaction that had failed was to be committed')
  return result
}

/**
 * Makes a pooled connection, one that sends without waiting (`pipeline`), one for transactions.
 *
 * Their opening travels with their first statement, two trips to the database less for each. Where it fails every statement fails with its reason,
 * the commit too, and nothing is done: a transaction that failed refuses every statement, and outside of one the login has no rights.
 *
 * A rollback does not fail, it ends the connection instead, which rolls back as well: of one that fails the query builder would never give the
 * connection back, and with each that is lost the pool would have a place less.
 */
export const serveTransactions = (client: pg.ClientBase & { end(): Promise<void> }): void => {
  let opening: Promise<unknown>[] = []
  const end = (): typeof nothing => {
    client.end().catch(() => {})
    return nothing
  }
  client.query = new Proxy(client.query, {
    apply(query, self, args: unknown[]) {
      const sent: unknown = Reflect.apply(query, self, args)
      const [text] = args
      if (!(sent instanceof Promise) || typeof text !== 'string') return sent
      if (opens.test(text)) {
        sent.catch(() => {})
        opening.push(sent)
        return Promise.resolve(nothing)
      }
      const opened = opening
      if (text === 'commit' || text === 'rollback') opening = []
      if (text === 'rollback') return sent.catch(end)
      const answer = opened.length === 0 ? sent : Promise.all([...opened, sent]).then((results) => results.at(-1))
      return text === 'commit' ? answer.then(checkCommitted) : answer
    },
  })
}
