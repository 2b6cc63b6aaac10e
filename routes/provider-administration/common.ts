/** What every administrator's operation here has. @see FR-015, Data Access Control */
export const reads = {
  audience: ['staff'],
  scopes: ['providers:read'],
  effect: 'read',
  audit: 'record',
  tags: ['provider-administration'],
} as const

export const writes = {
  audience: ['staff'],
  scopes: ['providers:write'],
  effect: 'admin',
  audit: 'record',
  killSwitch: 'USE_PROVIDER_ADMIN_WRITES',
  tags: ['provider-administration'],
} as const

/** The provider that the path names. */
export const ofProvider = { type: 'provider', param: 'providerId' } as const
