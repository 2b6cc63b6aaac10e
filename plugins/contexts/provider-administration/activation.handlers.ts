import {
  approveDocument, checkEditable, type DocumentBlocker, documentTypes, isExpired, type Provider, type ProviderDocument,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { dayOf } from '../../../domain/shared/calendar-day.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { type activateProvider, auditedProvider } from '../../../routes/provider-administration/index.ts'
import type { Call, Service, Transaction } from '../../host/define-context.ts'
import { documentStore } from './documents.store.ts'
import { actingOf, changedAnswer, type Kit } from './kit.ts'
import { takeAsRead } from './lifecycle.handlers.ts'
import { readProvider } from './provider.store.ts'
import { checkObstacles, obstaclesOf, transit } from './transition.ts'

const noBookings = { known: false, count: 0, ids: [] }

/** @throws Refusal NOT_FOUND where one is none of the provider's, CONFLICT where one does not await review */
const pendingOf = (documents: readonly ProviderDocument[], ids: readonly string[]): ProviderDocument[] =>
  ids.map((id) => {
    const document = documents.find((one) => one.id === id)
    if (!document) throw new Refusal('NOT_FOUND')
    if (document.status !== 'pending') throw new Refusal('CONFLICT')
    return document
  })

/** Approves the documents named; one that has run out cannot be, and is a reason of its own. */
const approveNamed = async (
  kit: Kit,
  call: Call,
  tx: Transaction,
  provider: Provider,
  ids: readonly string[],
): Promise<DocumentBlocker[]> => {
  const { agencyId, now, auditId, principal } = call
  const store = documentStore(tx, { agencyId, providerId: provider.id })
  const expired: DocumentBlocker[] = []
  for (const { id, type, expiresOn } of pendingOf(await store.all(), ids)) {
    if (isExpired(expiresOn, dayOf(now.getTime()))) {
      expired.push({ documentType: type, cause: 'expired', expiredOn: expiresOn })
      continue
    }
    await approveDocument(store, { providerId: provider.id, documentId: id, userId: principal.userId, now, auditId })
    const facts = { documentId: id, documentType: type }
    await kit.tell(tx, call, {
      kind: 'document-approved',
      providerId: provider.id,
      cause: `document-approved:${id}:${auditId}`,
      facts,
      mail: true,
    })
  }
  return expired
}

const checkMayVerify = ({ principal }: Call, ids: readonly string[]): void => {
  if (ids.length > 0 && !principal.scopes.has('providers:verify')) throw new Refusal('FORBIDDEN')
}

/** "Save and activate": approves what was looked at, and activates, or does neither. @see FR-015, Screen 2; User Story 1 */
export const activateService = (kit: Kit): Service<typeof activateProvider> => ({
  transact: async (call, tx) => {
    const { verifiedDocuments = [] } = call.body
    checkMayVerify(call, verifiedDocuments)
    const before = await takeAsRead(kit, tx, call, call.params.providerId)
    checkEditable(before.status)
    if (before.status !== 'draft') throw new Refusal('CONFLICT')
    const expired = await approveNamed(kit, call, tx, before, verifiedDocuments)
    const { blockers, missing } = await obstaclesOf(tx, before, call.now)
    const told = [...expired, ...blockers]
    checkObstacles({ blockers: documentTypes.flatMap((type) => told.find(({ documentType }) => documentType === type) ?? []), missing })
    const current = await readProvider(tx, call.agencyId, before.id, kit)
    const notice = await transit(kit, tx, current, { name: 'activation', reason: null, notify: true }, actingOf(call), noBookings)
    const { provider, answer } = await changedAnswer(kit, call, tx, before.id)
    const notification = notice && { id: notice.id, state: notice.state, attempts: notice.attempts }
    return { ...answer, body: { ...answer.body, notification }, before: auditedProvider(before), after: auditedProvider(provider) }
  },
})
