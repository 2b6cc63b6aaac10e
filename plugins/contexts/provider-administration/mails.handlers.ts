import {
  checkManualMail,
  checkResend,
  type DocumentType,
  manualMail,
  type ManualMail,
  providerNotices,
} from '../../../domain/provider-administration/index.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type listProviderNotifications, type MailFacts, mailsLocation, type sendProviderNotification, showMail,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, OutboxPort, OutboxRow, Service, Transaction } from '../../host/define-context.ts'
import { providerStatusOf } from './documents.handlers.ts'
import { noticeId } from './notify.ts'
import type { Tell } from './tell.ts'

const typesSql = `select id, facts->>'documentType' as type from provider_notification where agency_id = $1 and id = any ($2::uuid[])`

/** What documents the mails are about, by the notices of the portal that they mail. */
const documentTypes = async (tx: Transaction, agencyId: string, rows: readonly OutboxRow[]): Promise<Map<string, DocumentType | null>> => {
  const ids = rows.flatMap(({ ids }) => ids[noticeId] ?? [])
  const found = await tx.sql<{ id: string; type: DocumentType | null }>(typesSql, [agencyId, ids])
  return new Map(found.map(({ id, type }) => [id, type]))
}

const mailsOf = async (tx: Transaction, agencyId: string, rows: readonly OutboxRow[]): Promise<MailFacts[]> => {
  const types = await documentTypes(tx, agencyId, rows)
  return rows.map((row) => ({ ...row, documentType: types.get(row.ids[noticeId] ?? '') ?? null }))
}

export const listMailsService = (outbox: OutboxPort): Service<typeof listProviderNotifications> => ({
  transact: async (call, tx) => {
    const { agencyId, params, query } = call
    await providerStatusOf(tx, agencyId, params.providerId)
    const asked = { subjectId: params.providerId, before: positionOf(query), limit: limitOf(query) + 1, kinds: providerNotices }
    const mails = await mailsOf(tx, agencyId, await outbox.list(tx, call, asked))
    return { body: pageOf(mails, limitOf(query), ({ id, createdAt }) => ({ id, at: createdAt.getTime() }), showMail) }
  },
})

const expirySql = `
  select expiration_date::text as day from provider_document
  where agency_id = $1 and provider_id = $2 and type = $3 and verification_status = 'approved'`

/** @throws Refusal NOT_FOUND where it is no mail of this provider, CONFLICT where it is still on its way */
const again = async (outbox: OutboxPort, call: Call, tx: Transaction, providerId: string, id: string): Promise<OutboxRow> => {
  const row = await outbox.find(tx, call, id)
  if (row === null || row.subjectId !== providerId || !(providerNotices as readonly string[]).includes(row.kind))
    throw new Refusal('NOT_FOUND')
  checkResend(row.kind, await providerStatusOf(tx, call.agencyId, providerId))
  const sent = await outbox.resend(tx, call, id)
  if (sent === null) throw new Refusal('CONFLICT')
  return sent
}

/** Each request is a cause of its own: an administrator who asks twice mails twice. */
const byTemplate = async (
  tell: Tell,
  call: Call,
  tx: Transaction,
  providerId: string,
  { kind, template, documentType }: Extract<ManualMail, { template: string }>,
): Promise<string> => {
  checkManualMail(template, await providerStatusOf(tx, call.agencyId, providerId))
  const [expiring] = documentType ? await tx.sql<{ day: string }>(expirySql, [call.agencyId, providerId, documentType]) : []
  const facts = { ...(documentType ? { documentType } : {}), ...(expiring ? { expiresOn: expiring.day } : {}) }
  const row = await tell(tx, call, { kind, providerId, cause: `manual:${call.auditId}`, facts, mail: true })
  return row!.id
}

export const sendMailService = (outbox: OutboxPort, tell: Tell): Service<typeof sendProviderNotification> => ({
  transact: async (call, tx) => {
    const { agencyId, body, params } = call
    const { providerId } = params
    const asked = manualMail(body)
    await providerStatusOf(tx, agencyId, providerId)
    const id =
      'resend' in asked ? (await again(outbox, call, tx, providerId, asked.resend)).id : await byTemplate(tell, call, tx, providerId, asked)
    const row = await outbox.find(tx, call, id)
    const [mail] = await mailsOf(tx, agencyId, [row!])
    const shown = showMail(mail!)
    return { body: shown, location: mailsLocation(providerId), after: shown }
  },
})
