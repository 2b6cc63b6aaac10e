import { pageSize } from '../../../domain/shared/page.ts'
import { readStatement } from '../../host/define-context.ts'
import { getClinicalDraft, listClinicalDraftRevisions, listClinicalDrafts } from '../../../routes/clinical-drafts/index.ts'

const columns = {
  agency_id: 'uuid', id: 'uuid', patient_id: 'uuid', author_id: 'text', version: 'int', created_at: 'timestamptz', updated_at: 'timestamptz',
  type: 'text', title: 'bytea', body: 'bytea',
} as const // prettier-ignore

const ofDraft = 'd.agency_id, d.id, d.patient_id, d.author_id, d.version, d.created_at, d.updated_at'
const current = 'join clinical_draft_revision r on r.agency_id = d.agency_id and r.draft_id = d.id and r.version = d.version'

/** The author's own predicate, beside the policy that says the same. */
const open = "{{agency d}} and d.author_id = p_user_id and d.status = 'draft'"

/**
 * Consent is asked of each record, so that neither a page nor its cursor tells of a patient who does not give it. The constant limit tells the planner that a page is wanted: of a parameter it knows nothing, and would sort everything.
 */
const pageWhere = (which: string): string => `
  (select ${ofDraft} from clinical_draft d
   where ${which} and ${open} and (d.created_at, d.id) < (p_before_at, p_before_id) and {{consent d}}
   order by d.created_at desc, d.id desc limit ${pageSize.max + 1})`

/** Two branches of which one is empty by its first condition: each is planned for an index of its own. */
export const listDraftsStatement = readStatement({
  operation: listClinicalDrafts,
  args: { subject_id: 'uuid', before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' },
  returns: columns,
  sql: `
  select d.*, r.type, r.title, r.body from (
    select * from (${pageWhere('p_subject_id is not null and d.patient_id = p_subject_id')}
    union all ${pageWhere('p_subject_id is null')}) page
    order by page.created_at desc, page.id desc limit p_row_limit
  ) d ${current} order by d.created_at desc, d.id desc`,
})

export const getDraftStatement = readStatement({
  operation: getClinicalDraft,
  args: { draft_id: 'uuid' },
  returns: columns,
  sql: `select ${ofDraft}, r.type, r.title, r.body from clinical_draft d ${current} where ${open} and d.id = p_draft_id`,
})

/** A page of an open draft that holds no version still gives a row, so that it is not taken for no draft. */
export const listRevisionsStatement = readStatement({
  operation: listClinicalDraftRevisions,
  args: { draft_id: 'uuid', before_version: 'bigint', row_limit: 'int' },
  returns: { agency_id: 'uuid', draft_id: 'uuid', patient_id: 'uuid', version: 'int', type: 'text', title: 'bytea', body: 'bytea', created_at: 'timestamptz' },
  sql: `
  select d.agency_id, d.id, d.patient_id, v.version, v.type, v.title, v.body, v.created_at
  from clinical_draft d left join lateral (
    select r.version, r.type, r.title, r.body, r.created_at from clinical_draft_revision r
    where r.agency_id = d.agency_id and r.draft_id = d.id and r.version < p_before_version
    order by r.version desc limit p_row_limit
  ) v on true
  where ${open} and d.id = p_draft_id order by v.version desc`,
}) // prettier-ignore
