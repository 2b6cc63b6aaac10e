import { defineEntity, p } from '@mikro-orm/core'
import { consentScopes, consentStatuses } from './consent.ts'

const ConsentRecordSchema = defineEntity({
  name: 'ConsentRecord',
  tableName: 'consent_record',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    patientId: p.uuid(),
    scope: p.enum(consentScopes),
    status: p.enum(consentStatuses),
    grantedAt: p.datetime(3),
    grantedBy: p.text(),
    expiresAt: p.datetime(3).nullable(),
    revokedAt: p.datetime(3).nullable(),
    /** Sealed; the words are the patient's own. */
    reason: p.type(Buffer).columnType('bytea').nullable(),
    auditId: p.uuid(),
    revokedAuditId: p.uuid().nullable(),
  },
})

/** A patient's consent as PostgreSQL keeps it. */
export class ConsentRecord extends ConsentRecordSchema.class {}
ConsentRecordSchema.setClass(ConsentRecord)

export { ConsentRecordSchema }
