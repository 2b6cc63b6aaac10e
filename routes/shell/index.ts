import { cmsPortal, deaPortal } from '../../domain/shell/index.ts'
import { operation } from '../shared/operation.ts'
import { meSchema, portalSchema } from './schemas.ts'

export * from './presenter.ts'

const tags = ['shell'] as const

export const getMe = operation({
  name: 'getMe',
  summary: 'Who am I here, and what may I do',
  description:
    'Identity, roles, effective scopes, the agency with its modules, the switches that concern the caller, navigation and the end of the session. For people and machines that act for themselves; an AI agent is refused.',
  method: 'GET',
  path: '/me',
  effect: 'read',
  audience: ['patient', 'provider', 'service', 'staff'],
  scopes: [],
  anyScope: true,
  audit: 'refusals',
  tags,
  reply: { status: 200, schema: meSchema },
})

/** Their notices say that all actions are logged: so is each look at them. @see FusionEMS part 5, Compliance Disclaimers */
const landing = { method: 'GET', effect: 'read', audience: ['staff'], audit: 'record', entity: { type: 'portal' }, tags } as const
const description =
  'The compliance notice, word for word and versioned, and links to the authority’s own sites. For whoever sees the button.'

export const getDeaPortal = operation({
  ...landing,
  name: 'getDeaPortal',
  summary: 'Landing content of the DEA portal',
  description,
  path: '/portals/dea',
  scopes: deaPortal.scopes,
  killSwitch: 'USE_DEA_PORTAL',
  reply: { status: 200, schema: portalSchema },
})

export const getCmsPortal = operation({
  ...landing,
  name: 'getCmsPortal',
  summary: 'Landing content of the CMS portal',
  description,
  path: '/portals/cms',
  scopes: cmsPortal.scopes,
  killSwitch: 'USE_CMS_PORTAL',
  reply: { status: 200, schema: portalSchema },
})
