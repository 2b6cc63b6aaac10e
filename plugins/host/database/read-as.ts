import type pg from 'pg'

/**
 * Asks one question in a transaction of its own, that reads only, with these settings (the role is one). A connection with which anything
 * went wrong may still be in that transaction: it is thrown away.
 * @throws whatever the database says
 */
export const readAs = async <R extends pg.QueryResultRow>(
  pool: pg.Pool,
  settings: Readonly<Record<string, string>>,
  text: string,
  values: readonly unknown[],
): Promise<R[]> => {
  const pairs = Object.entries(settings)
  const set = pairs.map((_, at) => `set_config($${2 * at + 1}, $${2 * at + 2}, true)`).join(', ')
  const client = await pool.connect()
  let sound = false
  try {
    await client.query('begin read only')
    await client.query(`select ${set}`, pairs.flat())
    const { rows } = await client.query<R>(text, [...values])
    await client.query('rollback')
    sound = true
    return rows
  } finally {
    client.release(!sound)
  }
}
