import { documentSize, firstSpecialties } from '../../../domain/provider-administration/index.ts'
import type { FieldCipherPort, Transaction } from '../../host/define-context.ts'

/** An agency's settings of provider administration. */
export interface Settings {
  readonly uploadLimitBytes: number
  readonly supportContact: string
  readonly reminderRecipients: readonly string[]
  readonly specialties: readonly string[]
}

/** Until somebody sets them. `version` 0 is that of settings that nobody set. */
const untouched: Settings & { readonly version: number } = {
  uploadLimitBytes: documentSize.default,
  supportContact: '',
  reminderRecipients: [],
  specialties: firstSpecialties,
  version: 0,
}

interface SettingsRow {
  readonly version: number
  readonly upload_limit_bytes: number
  readonly support_contact: string
  readonly reminder_recipients: Buffer | null
  readonly specialties: string[]
}

const recipientsPlace = (agencyId: string) => ({ table: 'provider_settings', column: 'reminder_recipients', agencyId, rowId: agencyId })

/** The settings that hold, and the version that If-Match names. `lock` needs a role that may change them. */
export const readSettings = async (
  tx: Transaction,
  agencyId: string,
  fields: FieldCipherPort,
): Promise<Settings & { readonly version: number }> => {
  const [row] = await tx.sql<SettingsRow>(
    'select version, upload_limit_bytes, support_contact, reminder_recipients, specialties from provider_settings where agency_id = $1',
    [agencyId],
  )
  if (!row) return untouched
  const recipients = row.reminder_recipients && fields.open(row.reminder_recipients, recipientsPlace(agencyId))
  return {
    version: row.version,
    uploadLimitBytes: row.upload_limit_bytes,
    supportContact: row.support_contact,
    reminderRecipients: recipients === null ? [] : (JSON.parse(recipients) as string[]),
    specialties: row.specialties,
  }
}

/** Stores settings in the place of a version. @returns false where another change came first */
export const writeSettings = async (
  tx: Transaction,
  { agencyId, now, by, auditId }: { readonly agencyId: string; readonly now: Date; readonly by: string; readonly auditId: string },
  { uploadLimitBytes, supportContact, reminderRecipients, specialties }: Settings,
  expected: number,
  fields: FieldCipherPort,
): Promise<boolean> => {
  const sealed = reminderRecipients.length === 0 ? null : fields.seal(JSON.stringify(reminderRecipients), recipientsPlace(agencyId))
  const values = [agencyId, expected, uploadLimitBytes, supportContact, sealed, [...specialties], now, by, auditId]
  const stored = await tx.sql(
    expected === 0
      ? `insert into provider_settings (agency_id, version, upload_limit_bytes, support_contact, reminder_recipients, specialties, updated_at, updated_by, audit_id)
         values ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning version`
      : `update provider_settings set version = version + 1, upload_limit_bytes = $3, support_contact = $4, reminder_recipients = $5,
           specialties = $6, updated_at = $7, updated_by = $8, audit_id = $9
         where agency_id = $1 and version = $2 returning version`,
    values,
  )
  return stored.length === 1
}

/** Rows of a page that a user asked to be shown, as a value of a statement whose first value is the agency. */
export const pageSizeSql = (userId: string): string =>
  `coalesce((select r.page_size from provider_preference r where r.agency_id = $1 and r.user_id = ${userId}), 50)`

export const readPageSize = async (tx: Transaction, agencyId: string, userId: string): Promise<25 | 50 | 100> => {
  const [row] = await tx.sql<{ size: 25 | 50 | 100 }>(`select ${pageSizeSql('$2')} as size`, [agencyId, userId])
  return row!.size
}
