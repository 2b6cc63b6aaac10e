import type { OutboxPort, Transaction } from '../../host/define-context.ts'
import { type AdministratorTold, postNotice } from './notices.store.ts'
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

/** Tells the agency's administrators, in their portal and by mail those whom the settings name. */
export type TellAdministrators = (tx: Transaction, call: TellingCall, told: AdministratorTold) => Promise<void>

export const createTellAdministrators =
  (outbox: OutboxPort): TellAdministrators =>
  async (tx, call, { kind, providerId, cause, facts }) => {
    const { id, isNew } = await postNotice(tx, call, { audience: 'administrators', kind, providerId, cause, facts })
    if (!isNew) return
    await outbox.add(tx, call, [{ kind, cause, subjectId: providerId, ids: { [noticeId]: id } }])
  }
