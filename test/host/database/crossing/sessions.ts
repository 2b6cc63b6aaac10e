import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'
import { queueReads, roleNames } from '../../../../plugins/host/database/roles.ts'
import { agencyOf, textOf } from './seed.ts'

/** A session of the first agency, in which restrictive policies for patients and authors are not in the way. */
export const here = { 'app.current_agency': agencyOf(1), 'app.current_patient': '', 'app.current_actor': textOf(1) }
export const nowhere = {}

/** What a transaction could be told instead of an agency. */
export const forged: readonly string[] = [
  '',
  ' ',
  'null',
  '%',
  `{${agencyOf(2)}}`,
  `{"${agencyOf(1)}","${agencyOf(2)}"}`,
  `${agencyOf(1)},${agencyOf(2)}`,
  agencyOf(2).replaceAll('-', ''),
  ` ${agencyOf(2)}`,
  `${agencyOf(2)}0`,
  `${agencyOf(1)}' or true --`,
]

/** What is published, and the ids by which the queue looks for whose turn it is: each by a role that does nothing else. */
export const mayReadAll = (table: string, role: string): boolean =>
  (role === roleNames.public && defaultExpectation.published.includes(table)) ||
  (role === roleNames.queue && Object.hasOwn(queueReads, table))
