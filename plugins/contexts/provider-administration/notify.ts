import type { OutboxPort, Transaction } from '../../host/define-context.ts'
import { type AdministratorTold, postAdministratorNotices, postNotice } from './notices.store.ts'
import type { Tell, TellingCall } from './tell.ts'

/** The name under which an outbox row knows the notice of the portal that it mails. */
export const noticeId = 'notification'

/** Tells providers: the notice stands in their portal, and a mail of the same words is on its way. @see FR-015 FR-015, B1 */
export const createTell =
  (outbox: OutboxPort): Tell =>
  async (tx, call, { kind, providerId, cause, facts = {}, mail }) => {
    const { id } = await postNotice(tx, call, { audience: 'provider', kind, providerId, cause, facts })
    if (!mail) return null
    const [row] = await outbox.add(tx, call, [{ kind, cause, subjectId: providerId, ids: { [noticeId]: id } }])
    return outbox.find(tx, call, row!.id)
  }

/** Tells the agency's administrators, in their portal and by mail those whom the settings name; of many things at once. */
type TellAdministratorsOfAll = (tx: Transaction, call: TellingCall, told: readonly AdministratorTold[]) => Promise<void>

export const createTellAdministratorsOfAll =
  (outbox: OutboxPort): TellAdministratorsOfAll =>
  async (tx, call, told) => {
    if (told.length === 0) return
    const made = await postAdministratorNotices(tx, call, told)
    const notes = made.map(({ id, kind, providerId, cause }) => ({ kind, cause, subjectId: providerId, ids: { [noticeId]: id } }))
    await outbox.add(tx, call, notes)
  }

/** The same of one thing. */
export type TellAdministrators = (tx: Transaction, call: TellingCall, told: AdministratorTold) => Promise<void>

export const createTellAdministrators =
  (outbox: OutboxPort): TellAdministrators =>
  (tx, call, told) =>
    createTellAdministratorsOfAll(outbox)(tx, call, [told])
