import { Migration } from '@mikro-orm/migrations'
import type { MigrationEntry } from '../../host/define-context.ts'
import { commissionTables } from './tables/commission.ts'
import { documentTables } from './tables/documents.ts'
import { lifecycleGuards } from './tables/guards.ts'
import { lifecycleTables } from './tables/lifecycle.ts'
import { peopleTables } from './tables/people.ts'
import { profileTables } from './tables/profile.ts'
import { publicTables } from './tables/public.ts'
import { searchTables } from './tables/search.ts'

class ProviderTables extends Migration {
  override up(): void {
    const statements = [
      ...profileTables, ...lifecycleTables, ...commissionTables, ...documentTables, ...peopleTables, ...publicTables, ...searchTables, ...lifecycleGuards,
    ] // prettier-ignore
    for (const sql of statements) this.addSql(sql)
  }
}

export const providerMigrations: readonly MigrationEntry[] = [{ name: 'provider-administration-0001-providers', class: ProviderTables }]

/** Every table of the context. */
export const providerTables = [
  'provider_profile', 'provider_sign_in_address', 'provider_status_change', 'provider_scheduled_transition', 'provider_booking_event', 'provider_commission',
  'provider_commission_tier', 'provider_commission_rate', 'provider_procedure_count', 'provider_document', 'provider_reminder',
  'provider_notification', 'provider_notification_reading', 'provider_settings', 'provider_preference', 'provider_photo', 'provider_featured',
  'provider_search_suffix',
] // prettier-ignore
