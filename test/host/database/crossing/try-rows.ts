import { allRoles, appLogin } from '../../../../plugins/host/database/roles.ts'
import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'
import type { Attempt, Outcome } from './attempts.ts'
import type { Granted, Grants } from './grants.ts'
import { agencyOf, insertOf, type Rows } from './seed.ts'
import { forged, here, mayReadAll, nowhere } from './sessions.ts'
import { isTable, type Table } from './tables.ts'

/** An attempt with what must come of it: `wrong` says it in a sentence where it did not. */
export interface Trial {
  readonly attempt: Attempt
  readonly wrong: (outcome: Outcome) => string | null
}

export interface Stage {
  readonly tables: readonly Table[]
  readonly rows: Rows
  readonly grants: Grants
}

type Verdict = Trial['wrong']

const told = (expected: string, { code, rows, foreign }: Outcome): string =>
  `${expected}, and it was ${foreign ? 'answered with rows of another agency' : code === null ? `done to ${rows} rows` : `refused with ${code}`}`

const refused: Verdict = (outcome) => (outcome.code === '42501' ? null : told('must be refused with 42501', outcome))
const nothingForeign: Verdict = (outcome) =>
  !outcome.foreign && (outcome.code === null || outcome.code === '42501') ? null : told('must show nothing of another agency', outcome)
const none: Verdict = (outcome) => (outcome.rows === 0 ? nothingForeign(outcome) : told('must find none', outcome))
const untouched: Verdict = (outcome) =>
  (outcome.code === null && outcome.rows === 0) || outcome.code === '42501' ? null : told('must touch nothing', outcome)
/** What shows that the refusals beside it come from row security and from nothing else. */
const some: Verdict = (outcome) => (outcome.rows > 0 ? null : told('must see its own, or nothing is proved', outcome))
const reachesTheKey: Verdict = (outcome) =>
  ['23505', '23P01', null].includes(outcome.code) ? null : told('must get as far as the key, or nothing is proved', outcome)

/** Writes down what a role tries on a table. */
const listing = (table: string, role: string) => {
  const trials: Trial[] = []
  const add =
    (kind: Attempt['kind']) =>
    (what: string, wrong: Verdict, sql: string, settings: Attempt['settings'] = here) =>
      void trials.push({ attempt: { what: `${what} (${table})`, role, settings, kind, sql }, wrong })
  return { trials, read: add('read'), write: add('write') }
}

type Listing = ReturnType<typeof listing>

const selects = ({ read, write }: Listing, table: Table, agency: string, may: Granted): void => {
  const columns = may.select.length > 0 ? may.select.map((column) => `"${column}"`).join() : '*'
  const select = `select ${columns} from ${table.name}`
  read('reads without a context', refused, select, nowhere)
  for (const setting of forged)
    read(`reads as agency ${JSON.stringify(setting)}`, refused, select, { ...here, 'app.current_agency': setting })
  read('reads', nothingForeign, select)
  read('reads with row security off', refused, select, { ...here, row_security: 'off' })
  const ofPatients = table.columns.some(({ name }) => name === 'patient_id') && !defaultExpectation.beyondPatients.includes(table.name)
  if (ofPatients) read('reads as a patient of its agency who is in no row', none, select, { ...here, 'app.current_patient': agencyOf(9) })
  if (!may.select.includes(agency)) return
  const theirs = `"${agency}" = '${agencyOf(2)}'`
  read('asks for rows of another agency', none, `${select} where ${theirs}`)
  // A predicate that fails on a foreign row would tell that there is one, unless row security comes before it.
  read('asks by an error', nothingForeign, `${select} where case when ${theirs} then 1 / (length("${agency}"::text) - 36) else 1 end = 1`)
  write('locks rows of another agency', untouched, `select ${columns} from ${table.name} where ${theirs} for update`)
  if (!isTable(table)) return
  read('asks by a sample', nothingForeign, `${select} tablesample system (100)`)
  read('reads its own', some, select)
}

const inserts = ({ write }: Listing, table: Table, agency: string, may: Granted, rows: Rows): void => {
  const columns = may.insert.length > 0 ? may.insert : table.columns.map(({ name }) => name)
  const [mine, theirs] = [rows[table.name]![1], rows[table.name]![2]]
  write('adds a row of another agency', refused, insertOf(table.name, theirs, columns))
  write('adds it if there is none', refused, `${insertOf(table.name, theirs, columns)} on conflict do nothing`)
  write('adds its row to another agency', refused, insertOf(table.name, { ...mine, [agency]: agencyOf(2) }, columns))
  write('adds a row without a context', refused, insertOf(table.name, mine, columns), nowhere)
  if (may.insert.length > 0) write('adds a row of its own', reachesTheKey, insertOf(table.name, mine, columns))
}

const changes = ({ write }: Listing, { name }: Table, agency: string, may: Granted): void => {
  const column = may.update[0] ?? agency
  const theirs = `where "${agency}" = '${agencyOf(2)}'`
  write('moves its row to another agency', refused, `update ${name} set "${agency}" = '${agencyOf(2)}'`)
  write('takes a row of another agency', untouched, `update ${name} set "${agency}" = '${agencyOf(1)}' ${theirs}`)
  write('changes a row of another agency', untouched, `update ${name} set "${column}" = "${column}" ${theirs}`)
  write('changes rows without a context', refused, `update ${name} set "${column}" = "${column}"`, nowhere)
  write('removes a row of another agency', untouched, `delete from ${name} ${theirs}`)
  write('removes rows without a context', refused, `delete from ${name}`, nowhere)
  write('truncates', refused, `truncate ${name} cascade`)
  write('takes row security off', refused, `alter table ${name} disable row level security`)
  write('copies it to a program', refused, `copy ${name} to program 'true'`)
}

/** A view shows, and takes nothing in. */
const intoView = ({ write }: Listing, { name }: Table, agency: string): void => {
  write('adds to a view', refused, `insert into ${name} ("${agency}") values ('${agencyOf(1)}')`)
  write('removes from a view', refused, `delete from ${name}`)
}

/** A role that was granted nothing: one attempt of each kind will do, and of the many partitions, nobody's at all, the plainest two. */
const withoutGrants = ({ read, write }: Listing, { name, columns, partition }: Table): void => {
  read('reads', refused, `select * from ${name}`)
  write('adds a row', refused, `insert into ${name} default values`)
  if (partition) return
  write('changes rows', refused, `update ${name} set "${columns[0]!.name}" = null`)
  write('removes rows', refused, `delete from ${name}`)
  write('truncates', refused, `truncate ${name} cascade`)
}

/** What is nobody's, and no secret: read by some, changed by no role. */
const ofReference = ({ write }: Listing, { name }: Table): void => {
  write('adds a row', refused, `insert into ${name} default values`)
  write('removes rows', refused, `delete from ${name}`)
}

const ofRole = ({ rows, grants }: Stage, table: Table, role: string): Trial[] => {
  const list = listing(table.name, role)
  const may = grants(table.name, role)
  const { agency, name } = table
  if (may.select.length + may.insert.length + may.update.length === 0) withoutGrants(list, table)
  else if (defaultExpectation.reference.includes(name)) ofReference(list, table)
  else if (agency === null) list.read('holds what has no agency', () => 'must be granted to nobody', 'select')
  else {
    if (!mayReadAll(name, role)) selects(list, table, agency, may)
    if (isTable(table)) {
      inserts(list, table, agency, may, rows)
      changes(list, table, agency, may)
    } else intoView(list, table, agency)
  }
  return list.trials
}

/** Rows of another agency, in every table and view, by every role that the login can become and by the login itself. */
export const rowTrials = (stage: Stage): Trial[] =>
  stage.tables.flatMap((table) => [...allRoles, appLogin].flatMap((role) => ofRole(stage, table, role)))
