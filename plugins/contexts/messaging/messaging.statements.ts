import { pageSize } from '../../../domain/shared/page.ts'
import { readStatement, writeStatement } from '../../host/define-context.ts'
import { createConversation, listConversations, listMessages, sendMessage } from '../../../routes/messaging/index.ts'

/**
 * The newest rows of `select` that come after a position. The constant limit tells the planner that a page is wanted: of a
 * parameter it knows nothing, and would sort everything. The page's own size ends the reading earlier.
 */
const newestOf = (select: string, alias: string): string => `
    select * from (
      ${select} and (${alias}.created_at, ${alias}.id) < (p_before_at, p_before_id)
      order by ${alias}.created_at desc, ${alias}.id desc limit ${pageSize.max + 1}
    ) page
    order by page.created_at desc, page.id desc limit p_row_limit`

const page = { before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' } as const

export const createConversationStatement = writeStatement({
  operation: createConversation,
  columns: { id: 'uuid', subject: 'bytea' },
  sql: `
    insert into messaging_conversation (agency_id, id, patient_id, subject, created_at, created_by, audit_id)
    select i.agency_id, i.id, i.patient_id, i.subject, i.at, i.user_id, i.audit_id from items i`,
})

export const sendMessageStatement = writeStatement({
  operation: sendMessage,
  columns: { id: 'uuid', conversation_id: 'uuid', body: 'bytea' },
  sql: `
    insert into messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
    select i.agency_id, i.id, i.conversation_id, i.patient_id, i.user_id, i.body, i.at, i.audit_id from items i`,
})

export const listConversationsStatement = readStatement({
  operation: listConversations,
  args: page,
  returns: { agency_id: 'uuid', id: 'uuid', subject: 'bytea', created_at: 'timestamptz' },
  sql: newestOf(
    `select v.agency_id, v.id, v.subject, v.created_at from messaging_conversation v
      where {{agency v}} and v.patient_id = p_patient_id`,
    'v',
  ),
})

export const listMessagesStatement = readStatement({
  operation: listMessages,
  args: { conversation_id: 'uuid', ...page },
  returns: { agency_id: 'uuid', id: 'uuid', conversation_id: 'uuid', sender_id: 'text', body: 'bytea', created_at: 'timestamptz' },
  sql: newestOf(
    `select m.agency_id, m.id, m.conversation_id, m.sender_id::text, m.body::bytea, m.created_at from messaging_message m
      where {{agency m}} and m.conversation_id = p_conversation_id and m.patient_id = p_patient_id`,
    'm',
  ),
})
