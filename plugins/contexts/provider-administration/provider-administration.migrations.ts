import { Migration } from '@mikro-orm/migrations'
import type { MigrationEntry } from '../../host/define-context.ts'
import { claimAddresses } from './tables/addresses.ts'
import { commissionTables } from './tables/commission.ts'
import { documentTables } from './tables/documents.ts'
import { lifecycleGuards, profileGuard } from './tables/guards.ts'
import { lifecycleTables } from './tables/lifecycle.ts'
import { peopleTables } from './tables/people.ts'
import { profileTables } from './tables/profile.ts'
import { publicTables } from './tables/public.ts'
import { plainLetters, searchTables } from './tables/search.ts'
import { namedTallies, tallyTables, talliedNames } from './tables/tally.ts'

class ProviderTables extends Migration {
  override up(): void {
    const statements = [
      ...profileTables, ...lifecycleTables, ...commissionTables, ...documentTables, ...peopleTables, ...publicTables, ...searchTables, ...lifecycleGuards,
    ] // prettier-ignore
    for (const sql of statements) this.addSql(sql)
  }
}

class ProviderTally extends Migration {
  override up(): void {
    for (const sql of tallyTables) this.addSql(sql)
  }
}

/** For databases that were made before: what the two functions say now. */
class ProviderAddressesAndGuard extends Migration {
  override up(): void {
    for (const sql of [claimAddresses, profileGuard]) this.addSql(sql)
  }
}

class ProviderTalliedNames extends Migration {
  override up(): void {
    for (const sql of talliedNames) this.addSql(sql)
  }
}

class ProviderPlainLetters extends Migration {
  override up(): void {
    for (const sql of plainLetters) this.addSql(sql)
  }
}

class ProviderNamedTallies extends Migration {
  override up(): void {
    for (const sql of namedTallies) this.addSql(sql)
  }
}

export const providerMigrations: readonly MigrationEntry[] = [
  { name: 'provider-administration-0001-providers', class: ProviderTables },
  { name: 'provider-administration-0002-tally', class: ProviderTally },
  { name: 'provider-administration-0003-addresses-and-guard', class: ProviderAddressesAndGuard },
  { name: 'provider-administration-0004-tallied-names', class: ProviderTalliedNames },
  { name: 'provider-administration-0005-plain-letters', class: ProviderPlainLetters },
  { name: 'provider-administration-0006-named-tallies', class: ProviderNamedTallies },
]

/** Every table of the context. */
export const providerTables = [
  'provider_profile', 'provider_sign_in_address', 'provider_status_change', 'provider_scheduled_transition', 'provider_booking_event', 'provider_commission',
  'provider_commission_tier', 'provider_commission_rate', 'provider_procedure_count', 'provider_document', 'provider_reminder',
  'provider_notification', 'provider_notification_reading', 'provider_settings', 'provider_preference', 'provider_photo', 'provider_featured',
  'provider_search_suffix', 'provider_tally',
] // prettier-ignore
