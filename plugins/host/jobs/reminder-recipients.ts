import type { FieldCipherPort } from '../ports.ts'
import type { Transaction } from '../service.ts'

/**
 * Whom an agency wants reminded by mail; nobody until an administrator says whom. Asked through the port `reminder-recipients`, under the
 * roles of the effects `read` and `admin`.
 */
export const reminderRecipients = async (tx: Transaction, fields: FieldCipherPort, agencyId: string): Promise<readonly string[]> => {
  const [row] = await tx.sql<{ sealed: Buffer | null }>('select reminder_recipients($1) as sealed', [agencyId])
  if (!row?.sealed) return []
  const place = { table: 'provider_settings', column: 'reminder_recipients', agencyId, rowId: agencyId }
  return JSON.parse(fields.open(row.sealed, place)) as string[]
}
