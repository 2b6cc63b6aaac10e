import { operation } from '../shared/operation.ts'
import { ofProvider, reads, writes } from './common.ts'
import { providerParams } from './fields.ts'
import { profileBody, providerBody, providerSchema } from './schemas.ts'

export const createProvider = operation({
  ...writes,
  name: 'createProvider',
  summary: 'Begin a provider account',
  description:
    'A draft, complete or partial; `missing` says what activation still needs. There is no way for a provider to register. 10 an hour.',
  method: 'POST',
  path: '/admin/providers',
  limits: [{ policy: 'provider-creation', per: 'user' }],
  idempotency: 'required',
  entity: { type: 'provider' },
  body: providerBody,
  reply: { status: 201, schema: providerSchema },
})

export const getProvider = operation({
  ...reads,
  name: 'getProvider',
  summary: 'A provider account',
  method: 'GET',
  path: '/admin/providers/:providerId',
  entity: ofProvider,
  problems: ['NOT_FOUND'],
  params: providerParams,
  reply: { status: 200, schema: providerSchema },
})

export const editProvider = operation({
  ...writes,
  name: 'editProvider',
  summary: 'Edit profile and clinic',
  description:
    'What is left out stays as it was; null takes it back, which only a draft allows for what activation needs. A new sign-in address of a provider who was activated waits for its owner’s confirmation.',
  method: 'PATCH',
  path: '/admin/providers/:providerId',
  ifMatch: true,
  entity: ofProvider,
  problems: ['NOT_FOUND'],
  params: providerParams,
  body: profileBody,
  reply: { status: 200, schema: providerSchema },
})
