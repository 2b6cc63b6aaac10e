import { pageSize } from '../../../domain/shared/page.ts'
import { getConsultation, listConsultations } from '../../../routes/advisor/index.ts'
import { readStatement } from '../../host/define-context.ts'

const asked = {
  agency_id: 'uuid', id: 'uuid', patient_id: 'uuid', draft_id: 'uuid', question: 'bytea', policy_version_id: 'text', created_at: 'timestamptz',
  decision: 'text', note: 'bytea', reviewed_at: 'timestamptz', reviewed_by: 'text',
} as const // prettier-ignore

const selected =
  'c.agency_id, c.id, c.patient_id, c.draft_id, c.question, c.policy_version_id, c.created_at, r.decision, r.note, r.reviewed_at, r.author_id as reviewed_by'

const from = `advisor_consultation c left join advisor_review r on r.agency_id = c.agency_id and r.consultation_id = c.id`

/** The question that every gate asks, of a draft's patient: is consent to the documentation given now? */
const documented = "exists (select from consent_permits(c.agency_id, c.patient_id, 'clinical-documentation', p_at))"

/**
 * The constant limit tells the planner that a page is wanted; the page's own size ends the reading earlier. So do the bounds of the time,
 * which the position implies: without them it would collect and sort all that an author ever asked.
 */
export const listConsultationsStatement = readStatement({
  operation: listConsultations,
  args: { before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' },
  returns: asked,
  sql: `
  select * from (
    select ${selected} from ${from}
    where {{agency c}} and c.author_id = p_user_id and (c.created_at, c.id) < (p_before_at, p_before_id)
      and c.created_at between '-infinity' and p_before_at
      and (c.patient_id is null or {{consent c}}) and (c.draft_id is null or ${documented})
    order by c.created_at desc, c.id desc limit ${pageSize.max + 1}
  ) page
  order by page.created_at desc, page.id desc limit p_row_limit`,
})

/** Consent of the scope `advisor` is asked by the gate; that of a draft's documentation is told with the row. */
export const getConsultationStatement = readStatement({
  operation: getConsultation,
  args: { consultation_id: 'uuid' },
  returns: { ...asked, advice: 'bytea', citations: 'bytea', source: 'text', documented: 'boolean' },
  sql: `
  select ${selected}, c.advice, c.citations, c.source, c.draft_id is null or ${documented} as documented
  from ${from} where {{agency c}} and c.id = p_consultation_id and c.author_id = p_user_id`,
})

/**
 * The passages that bear most on a question (`$1`), at most `$2`. Every word is looked up in the full-text index by itself and weighs
 * the more the fewer passages hold it. The rarest words go first, and no further than some hundreds of matches: what a common word
 * would add is noise, and so its cost is bounded whatever the question. The commonest word stands for how many passages there are.
 */
export const findPassages = `
  with known as (
    select t.lexeme, t.passages, row_number() over rarest as place, sum(t.passages) over rarest as reached
    from advisor_term t where t.lexeme = any (tsvector_to_array(to_tsvector('english', $1)))
    window rarest as (order by t.passages, t.lexeme rows unbounded preceding)
  ), wanted as (
    select ln(1 + (select max(passages) from advisor_term)::float8 / passages) as weight,
      ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as word
    from known where place = 1 or (place <= 16 and reached <= 1000)
  ), found as (
    select p.id, sum(w.weight * ts_rank('{0.3, 0.5, 0.7, 1}', p.tsv, w.word)) as score
    from wanted w join advisor_passage p on p.tsv @@ w.word
    group by p.id order by score desc, p.id limit $2
  )
  select p.id, p.title, p.text, f.score from found f join advisor_passage p on p.id = f.id order by f.score desc, p.id`
