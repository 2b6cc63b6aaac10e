import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type getProviderPreferences, type getProviderSettings, type setProviderPreferences, type setProviderSettings, type SettingsWire, versionEtag,
  versionOfEtag,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { Service } from '../../host/define-context.ts'
import { actingOf, type Kit } from './kit.ts'
import { readPageSize, readSettings, type Settings, writeSettings } from './settings.store.ts'

const show = ({ uploadLimitBytes, supportContact, reminderRecipients, specialties }: Settings): SettingsWire => ({
  uploadLimitBytes,
  supportContact,
  reminderRecipients: [...reminderRecipients],
  specialties: [...specialties],
})

export const getSettingsService = (kit: Kit): Service<typeof getProviderSettings> => ({
  transact: async ({ agencyId }, tx) => {
    const settings = await readSettings(tx, agencyId, kit.fields)
    return { body: show(settings), etag: versionEtag(settings.version) }
  },
})

export const setSettingsService = (kit: Kit): Service<typeof setProviderSettings> => ({
  transact: async (call, tx) => {
    const before = await readSettings(tx, call.agencyId, kit.fields)
    const expected = versionOfEtag(call.ifMatch)
    const next: Settings = { ...call.body, specialties: call.body.specialties ?? before.specialties }
    const stored = expected === before.version && (await writeSettings(tx, actingOf(call), next, expected, kit.fields))
    if (!stored) throw new Refusal('CONFLICT', 'stale')
    return { body: show(next), etag: versionEtag(before.version + 1), before: show(before), after: show(next) }
  },
})

export const getPreferencesService = (): Service<typeof getProviderPreferences> => ({
  transact: async ({ agencyId, principal }, tx) => ({ body: { pageSize: await readPageSize(tx, agencyId, principal.userId) } }),
})

const upsert = `
  insert into provider_preference (agency_id, user_id, page_size, updated_at, audit_id) values ($1, $2, $3, $4, $5)
  on conflict (agency_id, user_id) do update set page_size = excluded.page_size, updated_at = excluded.updated_at, audit_id = excluded.audit_id`

export const setPreferencesService = (): Service<typeof setProviderPreferences> => ({
  transact: async ({ agencyId, principal, body, now, auditId }, tx) => {
    await tx.sql(upsert, [agencyId, principal.userId, body.pageSize, now, auditId])
    return { body, after: body }
  },
})
