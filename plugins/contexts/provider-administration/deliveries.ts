import {
  administratorNotices, displayName, type Notice, type NoticeFacts, providerNotices, wordsOf,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { ProviderProfileRecord } from '../../../domain/provider-administration/provider.entity.ts'
import {
  composeMail, type Due, type FieldCipherPort, type InviteLink, type Mail, type MailDelivery, type OutboxPort, type Settled, type Transaction,
} from '../../host/define-context.ts' // prettier-ignore
import { accountDelivery } from './accounts.ts'
import { createTellAdministrators, noticeId } from './notify.ts'
import { sealedPlace } from './provider.rows.ts'
import { readSettings } from './settings.store.ts'

/** What the mails of this context work with. */
interface Mailing {
  readonly fields: FieldCipherPort
  readonly outbox: OutboxPort
}

const factsSql = 'select facts from provider_notification where agency_id = $1 and id = $2'

/** What the notice says; a mail repeats the words of the portal. */
const factsOf = async (tx: Transaction, { agencyId, ids }: Due): Promise<NoticeFacts> => {
  const [row] = await tx.sql<{ facts: NoticeFacts }>(factsSql, [agencyId, ids[noticeId]])
  return row?.facts ?? {}
}

const linkOf = (link: InviteLink | null) =>
  link === null || link.url === null ? {} : { link: { label: 'Set up your sign-in', url: link.url } }

const wordsFor = async (kind: Notice, due: Due, tx: Transaction, { fields }: Mailing, link: InviteLink | null) => {
  const { agencyId, subjectId } = due
  const record = await tx.findOne(ProviderProfileRecord, { agencyId, id: subjectId }, { refresh: true })
  if (record === null) return null
  const { email, firstName = null, lastName = null } = record
  const settings = await readSettings(tx, agencyId, fields)
  const setting = { providerName: displayName({ firstName, lastName }), supportContact: settings.supportContact }
  const words = wordsOf(kind, await factsOf(tx, due), setting)
  return { email: email ?? null, settings, mail: composeMail({ ...words, ...linkOf(link) }) }
}

const toProvider = (kind: Notice): MailDelivery<Mailing>['prepare'] =>
  async function prepare(due, tx, mailing, link): Promise<Mail | null> {
    const made = await wordsFor(kind, due, tx, mailing, link)
    // A draft without an address is told in the portal alone.
    if (made === null || made.email === null) return null
    return { to: mailing.fields.open(made.email, sealedPlace('email', due.agencyId, due.subjectId)), ...made.mail }
  }

const toAdministrators = (kind: Notice): MailDelivery<Mailing>['prepare'] =>
  async function prepare(due, tx, mailing): Promise<Mail | null> {
    const made = await wordsFor(kind, due, tx, mailing, null)
    return made === null || made.settings.reminderRecipients.length === 0 ? null : { to: made.settings.reminderRecipients, ...made.mail }
  }

/** A mail to a provider that did not get through is an administrator's to know of. @see FR-015, Edge Cases, notification email delivery fails */
const tellFailure = async ({ id, kind, subjectId, state, ...call }: Settled, tx: Transaction, { outbox }: Mailing): Promise<void> => {
  if (state !== 'failed') return
  const told = {
    kind: 'mail-failed',
    providerId: subjectId,
    cause: `mail-failed:${id}:${call.auditId}`,
    facts: { failed: kind as Notice },
  } as const
  await createTellAdministrators(outbox)(tx, call, told)
}

const providerMail = (kind: Notice): MailDelivery<Mailing> => ({
  kind,
  ...(kind === 'welcome' ? { invite: (due, tx, { fields }) => accountDelivery.desire(due, tx, { fields }) } : {}),
  prepare: toProvider(kind),
  settled: tellFailure,
})

/** Every notice as a mail: to the provider, or to those administrators whom the settings name. */
export const noticeDeliveries: readonly MailDelivery<Mailing>[] = [
  ...providerNotices.map(providerMail),
  ...administratorNotices.map((kind) => ({ kind, prepare: toAdministrators(kind) })),
]
