import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'
import { edition, passages, type ReferencePassage } from './passages/index.ts'

/** Question, advice and citations are sealed: which passages were found says what was asked. */
const consultations = `
create table advisor_consultation (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  author_id text not null constraint advisor_consultation_author_id check (length(author_id) between 1 and 255),
  patient_id uuid,
  draft_id uuid,
  question bytea not null constraint advisor_consultation_question check (octet_length(question) between 1 and 32768),
  advice bytea not null constraint advisor_consultation_advice check (octet_length(advice) between 1 and 16384),
  citations bytea not null constraint advisor_consultation_citations check (octet_length(citations) between 1 and 65536),
  source text not null constraint advisor_consultation_source check (source in ('upstream', 'retrieval')),
  policy_version_id text not null constraint advisor_consultation_policy check (length(policy_version_id) between 1 and 255),
  created_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint advisor_consultation_draft_has_patient check (draft_id is null or patient_id is not null)
)`

/** One review to a consultation, by whoever asked; nothing but the key says that it is the only one. */
const reviews = `
create table advisor_review (
  agency_id uuid not null,
  consultation_id uuid not null,
  author_id text not null constraint advisor_review_author_id check (length(author_id) between 1 and 255),
  decision text not null constraint advisor_review_decision check (decision in ('accepted', 'dismissed')),
  note bytea constraint advisor_review_note check (octet_length(note) between 1 and 16384),
  reviewed_at timestamptz(3) not null,
  audit_id uuid not null,
  constraint advisor_review_once primary key (agency_id, consultation_id),
  constraint advisor_review_consultation foreign key (agency_id, consultation_id) references advisor_consultation (agency_id, id)
)`

const index = 'create index advisor_consultation_of_author on advisor_consultation (agency_id, author_id, created_at, id)'

/** Added and read, by their author alone; there is no role that changes or removes one. @see MIG-03 §6.4 */
const isolated = (table: string): string[] =>
  tenantTable({
    table,
    grants: { read: ['select'], advise: ['select', 'insert'] },
    authorColumn: 'author_id',
    authorRoles: ['read', 'advise'],
    ...(table === 'advisor_consultation' ? { patientColumn: 'patient_id' } : {}),
  })

/** The reference texts are nobody's: they hold no agency and no person, and only a migration changes them. */
const reference = [
  `create table advisor_passage (
    id text primary key constraint advisor_passage_id check (length(id) between 1 and 80),
    title text not null,
    keywords text not null,
    text text not null,
    tsv tsvector not null generated always as (
      setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', keywords), 'B') ||
      setweight(to_tsvector('english', text), 'D')
    ) stored
  )`,
  'create index advisor_passage_words on advisor_passage using gin (tsv)',
  // In how many passages a word occurs: a rare one says more of what is asked, and finds it faster.
  'create table advisor_term (lexeme text primary key, passages int not null)',
  'create index advisor_term_commonest on advisor_term (passages)',
  'grant select on advisor_passage, advisor_term to postern_advise',
]

/** Counts the words anew, after the passages have changed. */
export const countTerms = [
  'delete from advisor_term',
  "insert into advisor_term (lexeme, passages) select word, ndoc from ts_stat('select tsv from advisor_passage')",
]

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
const valuesOf = ({ id, title, keywords, text }: ReferencePassage): string => `(${[id, title, keywords, text].map(literal).join(', ')})`

class Consultations extends Migration {
  override up(): void {
    const isolation = ['advisor_consultation', 'advisor_review'].flatMap(isolated)
    for (const sql of [consultations, reviews, index, ...isolation, ...reference]) this.addSql(sql)
  }
}

class Passages extends Migration {
  override up(): void {
    this.addSql('delete from advisor_passage')
    this.addSql(`insert into advisor_passage (id, title, keywords, text) values ${passages.map(valuesOf).join(', ')}`)
    for (const sql of countTerms) this.addSql(sql)
  }
}

/** A review is by whoever asked: the key over the author keeps it so, whatever a statement says. */
const reviewOfAuthor = [
  'alter table advisor_consultation add constraint advisor_consultation_of_author_once unique (agency_id, id, author_id)',
  `alter table advisor_review drop constraint advisor_review_consultation, add constraint advisor_review_consultation
    foreign key (agency_id, consultation_id, author_id) references advisor_consultation (agency_id, id, author_id)`,
]

class ReviewOfAuthor extends Migration {
  override up(): void {
    for (const sql of reviewOfAuthor) this.addSql(sql)
  }
}

/** An edition of the texts is a step of its own, which replaces the edition before it. */
export const advisorMigrations: readonly MigrationEntry[] = [
  { name: 'advisor-0001-consultations', class: Consultations },
  { name: 'advisor-0002-review-of-author', class: ReviewOfAuthor },
  { name: `advisor-passages-${edition}`, class: Passages },
]
