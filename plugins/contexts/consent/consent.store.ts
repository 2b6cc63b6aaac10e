import { LockMode } from '@mikro-orm/core'
import type { Consent, ConsentStore } from '../../../domain/consent/index.ts'
import { ConsentRecord } from '../../../domain/consent/consent.entity.ts'
import type { FieldCipherPort, Transaction } from '../../host/define-context.ts'

/** Where a consent's sealed reason belongs. */
export const reasonPlace = (agencyId: string, rowId: string) => ({ table: 'consent_record', column: 'reason', agencyId, rowId })

const unsealed = (record: ConsentRecord, fields: FieldCipherPort): Consent => ({
  ...record,
  expiresAt: record.expiresAt ?? null,
  revokedAt: record.revokedAt ?? null,
  reason: record.reason ? fields.open(record.reason, reasonPlace(record.agencyId, record.id)) : null,
})

const insert = `
  insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, expires_at, audit_id)
  values ($1, $2, $3, $4, 'active', $5, $6, $7, $8)
  on conflict (agency_id, patient_id, scope) where status = 'active' do nothing
  returning id`

/** The consents of one patient of one agency in PostgreSQL, inside the domain transaction. */
export const consentStore = (
  tx: Transaction,
  fields: FieldCipherPort,
  whose: { readonly agencyId: string; readonly patientId: string },
): ConsentStore => ({
  async take(id) {
    const record = await tx.findOne(ConsentRecord, { ...whose, id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    return record && unsealed(record, fields)
  },

  async retireExpired(patientId, scope, now) {
    const expired = { agencyId: whose.agencyId, patientId, scope, status: 'active' as const, expiresAt: { $lte: now } }
    await tx.nativeUpdate(ConsentRecord, expired, { status: 'inactive' })
  },

  async add({ agencyId, id, patientId, scope, grantedAt, grantedBy, expiresAt, auditId }) {
    const stored = await tx.sql(insert, [agencyId, id, patientId, scope, grantedAt, grantedBy, expiresAt, auditId])
    return stored.length === 1
  },

  async revoke(id, { at, reason, auditId }) {
    const sealed = reason === null ? null : fields.seal(reason, reasonPlace(whose.agencyId, id))
    await tx.nativeUpdate(ConsentRecord, { ...whose, id }, { status: 'inactive', revokedAt: at, reason: sealed, revokedAuditId: auditId })
  },
})
