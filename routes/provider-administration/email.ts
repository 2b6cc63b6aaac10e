import { Type } from '@sinclair/typebox'
import { operation } from '../shared/operation.ts'
import { strict } from '../shared/schemas.ts'

/** @see design, section 7: the new address confirms, the old one is told */
export const confirmOwnEmail = operation({
  name: 'confirmOwnEmail',
  summary: 'Confirm your new sign-in address',
  description: 'With the code that was mailed to it, within 24 hours. Until then the old one holds.',
  method: 'POST',
  path: '/provider/email-confirmation',
  effect: 'write',
  audience: ['provider'],
  scopes: ['provider:self'],
  killSwitch: 'USE_PROVIDER_ADMIN_WRITES',
  audit: 'record',
  tags: ['provider'],
  entity: { type: 'provider' },
  problems: ['CONFLICT', 'NOT_FOUND'],
  body: strict({ code: Type.String({ minLength: 24, maxLength: 24, description: 'As mailed' }) }),
  reply: { status: 200, schema: strict({ email: Type.String({ description: 'What you sign in with from now on' }) }) },
})
