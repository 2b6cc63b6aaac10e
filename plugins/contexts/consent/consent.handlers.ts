import { type Consent, decide, grant, revoke } from '../../../domain/consent/index.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal, invalid } from '../../../domain/shared/refusal.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import {
  consentLocation, type getConsent, type getConsentDecision, type grantConsent, type listConsents, type revokeConsent, showConsent, showDecision,
} from '../../../routes/consent/index.ts' // prettier-ignore
import type { Call, FieldCipherPort, Service } from '../../host/define-context.ts'
import { decisionStatement, getConsentStatement, listConsentsStatement } from './consent.statements.ts'
import { consentStore, reasonPlace } from './consent.store.ts'

type Row = Record<string, unknown>

/** A row of the compiled reads as the domain knows it. */
const consentOf = (row: Row, fields: FieldCipherPort): Consent => ({
  id: row.id as string,
  agencyId: row.agency_id as string,
  patientId: row.patient_id as string,
  scope: row.scope as Consent['scope'],
  status: row.status as Consent['status'],
  grantedAt: row.granted_at as Date,
  grantedBy: row.granted_by as string,
  expiresAt: row.expires_at as Date | null,
  revokedAt: row.revoked_at as Date | null,
  reason: row.reason === null ? null : fields.open(row.reason as Buffer, reasonPlace(row.agency_id as string, row.id as string)),
})

export const listConsentsService = (fields: FieldCipherPort): Service<typeof listConsents> => ({
  query: listConsentsStatement,
  args: ({ principal, query }) => {
    const before = positionOf(query)
    const subject = principal.audience === 'patient' ? principal.patientId : (query.patientId ?? null)
    return { subject_id: subject, before_at: new Date(before.at), before_id: before.id, row_limit: limitOf(query) + 1 }
  },
  present: (rows, { query, now }) => {
    const consents = rows.map((row) => consentOf(row, fields))
    const body = pageOf(
      consents,
      limitOf(query),
      ({ id, grantedAt }) => ({ id, at: grantedAt.getTime() }),
      (consent) => showConsent(consent, now),
    )
    return { body, patientId: query.patientId }
  },
})

export const getConsentService = (fields: FieldCipherPort): Service<typeof getConsent> => ({
  query: getConsentStatement,
  args: ({ params }) => ({ consent_id: params.consentId }),
  present: ([row], { now }) => {
    if (!row) throw new Refusal('NOT_FOUND')
    const consent = consentOf(row, fields)
    return { body: showConsent(consent, now), patientId: consent.patientId }
  },
})

export const decisionService: Service<typeof getConsentDecision> = {
  query: decisionStatement,
  args: ({ query }) => ({ subject_id: query.patientId, scope: query.scope }),
  present: ([row], { query, now }) => {
    const decided = decide((row?.consent_id as string | null | undefined) ?? null, now)
    return { body: showDecision(decided), patientId: query.patientId, entityId: decided.consentId ?? undefined }
  },
}

const expiryOf = (text: string | undefined): Date | null => {
  if (text === undefined) return null
  const instant = parseInstant(text)
  if (instant === null) throw invalid('/expiresAt', 'date-time')
  return instant
}

/** The calling patient's consents of the agency; the declaration has let only patients pass. */
const ownStore = (call: Call, tx: Parameters<typeof consentStore>[0], fields: FieldCipherPort) =>
  consentStore(tx, fields, { agencyId: call.agencyId, patientId: call.principal.patientId! })

export const grantConsentService = (fields: FieldCipherPort): Service<typeof grantConsent> => ({
  transact: async (call, tx) => {
    const { agencyId, auditId, body, now, principal } = call
    const asked = {
      agencyId,
      patientId: body.patientId,
      scope: body.scope,
      expiresAt: expiryOf(body.expiresAt),
      grantedBy: principal.userId,
    }
    const granted = await grant(ownStore(call, tx, fields), { ...asked, now, auditId })
    const shown = showConsent(granted, now)
    return { body: shown, location: consentLocation(granted.id), entityId: granted.id, after: shown }
  },
})

export const revokeConsentService = (fields: FieldCipherPort): Service<typeof revokeConsent> => ({
  transact: async (call, tx) => {
    const { auditId, body, now, params } = call
    const asked = { consentId: params.consentId, reason: body?.reason ?? null, now, auditId }
    const { before, after } = await revoke(ownStore(call, tx, fields), asked)
    const shown = showConsent(after, now)
    return { body: shown, entityId: after.id, before: showConsent(before, now), after: shown }
  },
})
