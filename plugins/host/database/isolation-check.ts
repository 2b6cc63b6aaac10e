import type pg from 'pg'
import { readCatalogue } from './catalogue.ts'
import { defaultExpectation, type IsolationExpectation } from './isolation-expectation.ts'
import { isolationOfQueue } from './isolation-of-queue.ts'
import { isolationOfRoles } from './isolation-of-roles.ts'
import { isolationOfTables } from './isolation-of-tables.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

export interface IsolationCheck {
  /** The runtime's own connection: what it is connected as is what is checked. No transaction may be open on it. */
  readonly client: Queryable
  /** The founder's bypass connection, where there is one. */
  readonly bypass?: Queryable
  readonly expect?: Partial<IsolationExpectation>
}

const wrongBypass = async (bypass: Queryable, expected: IsolationExpectation): Promise<string[]> => {
  const { rows } = await bypass.query<{ login: string }>('select session_user::text as login')
  const login = rows[0]?.login
  return login === expected.bypassLogin ? [] : [`The bypass is connected as ${login}: it must be ${expected.bypassLogin}.`]
}

/**
 * Reads the database's own catalogue and says, one sentence each, what is unprotected: the service must not start unless the list is
 * empty. Nothing is listed by hand but the exceptions in `expect`.
 * @see design, section 4: at boot the host refuses to start if anything is unprotected
 */
export const checkIsolation = async ({ client, bypass, expect = {} }: IsolationCheck): Promise<string[]> => {
  const expected = { ...defaultExpectation, ...expect }
  const catalogue = await readCatalogue(client)
  const ofBypass = bypass ? await wrongBypass(bypass, expected) : []
  return [
    ...ofBypass,
    ...isolationOfRoles(catalogue, expected),
    ...isolationOfTables(catalogue, expected),
    ...isolationOfQueue(catalogue, expected),
  ]
}

/** Settings of the server that would let values of statements into its log; each needs an administrator to change. */
const quiet: Readonly<Record<string, readonly string[]>> = {
  log_min_error_statement: ['panic'],
  log_parameter_max_length_on_error: ['0'],
  log_statement: ['none', 'ddl'],
  log_min_duration_statement: ['-1'],
  log_min_duration_sample: ['-1'],
}

/** Says, one sentence each, which log settings of the server could write patients' data into its log. */
export const databaseWarnings = async (client: Queryable): Promise<string[]> => {
  const text = 'select name, setting from pg_settings where name = any ($1) order by name'
  const { rows } = await client.query<{ name: string; setting: string }>(text, [Object.keys(quiet)])
  return rows
    .filter(({ name, setting }) => !quiet[name]!.includes(setting))
    .map(({ name, setting }) => `The database logs with ${name} = ${setting}, which can write values into its log: set ${quiet[name]![0]}.`)
}
