import { type Static, Type } from '@sinclair/typebox'
import { documentSize, emailPattern, profileLimits } from '../../domain/provider-administration/index.ts'
import { operation } from '../shared/operation.ts'
import { strict } from '../shared/schemas.ts'
import { reads, writes } from './common.ts'
import { pageSizes } from './dashboard.ts'

const specialties = Type.Array(
  Type.String({ minLength: 1, maxLength: profileLimits.specialty, pattern: '\\S', description: 'A specialty' }),
  { minItems: 1, maxItems: 100, uniqueItems: true, description: 'What a provider’s specialty can be' },
)

const settings = {
  uploadLimitBytes: Type.Integer({ minimum: 1_024, maximum: documentSize.max, description: 'Largest file of a document; 50 MB at most' }),
  supportContact: Type.String({ maxLength: 200, description: 'Stands in mails about suspension and deactivation' }),
  reminderRecipients: Type.Array(
    Type.String({ format: 'email', pattern: emailPattern, maxLength: profileLimits.email, description: 'An address' }),
    {
      // As many as one mail goes to.
      maxItems: 10,
      uniqueItems: true,
      description: 'Administrators who are mailed',
    },
  ),
} as const

export const settingsSchema = strict({ ...settings, specialties })
export const settingsBody = strict({ ...settings, specialties: Type.Optional(specialties) })
export type SettingsWire = Static<typeof settingsSchema>

export const getProviderSettings = operation({
  ...reads,
  audit: 'refusals',
  name: 'getProviderSettings',
  summary: 'The agency’s settings of provider administration',
  method: 'GET',
  path: '/admin/settings',
  reply: { status: 200, schema: settingsSchema },
})

export const setProviderSettings = operation({
  ...writes,
  scopes: ['providers:settings'],
  name: 'setProviderSettings',
  summary: 'Change the agency’s settings of provider administration',
  description: 'Specialties that are left out stay as they are.',
  method: 'PUT',
  path: '/admin/settings',
  ifMatch: true,
  entity: { type: 'provider-settings' },
  body: settingsBody,
  reply: { status: 200, schema: settingsSchema },
})

const pageSize = Type.Unsafe<(typeof pageSizes)[number]>({
  type: 'integer',
  enum: [...pageSizes],
  description: 'Rows of a page of the dashboard',
})
const preferencesSchema = strict({ pageSize })

export const getProviderPreferences = operation({
  ...reads,
  audit: 'refusals',
  name: 'getProviderPreferences',
  summary: 'Your own preferences',
  method: 'GET',
  path: '/admin/preferences',
  reply: { status: 200, schema: preferencesSchema },
})

export const setProviderPreferences = operation({
  ...writes,
  scopes: ['providers:read'],
  name: 'setProviderPreferences',
  summary: 'Change your own preferences',
  method: 'PUT',
  path: '/admin/preferences',
  entity: { type: 'provider-preferences' },
  body: preferencesSchema,
  reply: { status: 200, schema: preferencesSchema },
})
