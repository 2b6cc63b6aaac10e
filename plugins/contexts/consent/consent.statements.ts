import { pageSize } from '../../../domain/shared/page.ts'
import { readStatement } from '../../host/define-context.ts'
import { getConsent, getConsentDecision, listConsents } from '../../../routes/consent/index.ts'

const columns = {
  agency_id: 'uuid', id: 'uuid', patient_id: 'uuid', scope: 'text', status: 'text', granted_at: 'timestamptz', granted_by: 'text',
  expires_at: 'timestamptz', revoked_at: 'timestamptz', reason: 'bytea',
} as const // prettier-ignore

const selected = Object.keys(columns)
  .map((name) => `c.${name}`)
  .join(', ')

/**
 * A patient's own predicate, beside the policy that says the same. As a sub-select the test for null is a coin toss to the planner;
 * written plainly it would be thought to be almost never true, and a page not worth an index.
 */
const own = '((select p_patient_id is null) or c.patient_id = p_patient_id)'

/**
 * The constant limit tells the planner that a page is wanted: of a parameter it knows nothing, and would sort everything. The
 * page's own size ends the reading earlier.
 */
const pageWhere = (which: string): string => `
  (select ${selected} from consent_record c
   where ${which} and {{agency c}} and ${own} and (c.granted_at, c.id) < (p_before_at, p_before_id)
   order by c.granted_at desc, c.id desc limit ${pageSize.max + 1})`

/** Two branches of which one is empty by its first condition: each is planned for an index of its own. */
export const listConsentsStatement = readStatement({
  operation: listConsents,
  args: { subject_id: 'uuid', before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' },
  returns: columns,
  sql: `
  select * from (${pageWhere('p_subject_id is not null and c.patient_id = p_subject_id')}
  union all ${pageWhere('p_subject_id is null')}) page
  order by page.granted_at desc, page.id desc limit p_row_limit`,
})

export const getConsentStatement = readStatement({
  operation: getConsent,
  args: { consent_id: 'uuid' },
  returns: columns,
  sql: `select ${selected} from consent_record c where {{agency c}} and c.id = p_consent_id and ${own}`,
})

/** The same function that every gate asks. */
export const decisionStatement = readStatement({
  operation: getConsentDecision,
  args: { subject_id: 'uuid', scope: 'text' },
  returns: { consent_id: 'uuid' },
  sql: `select consent_decision(p_agency_id, p_subject_id, p_scope, p_at) where p_patient_id is null or p_subject_id = p_patient_id`,
})
