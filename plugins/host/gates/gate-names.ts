/** Every gate by name, in the order in which a request meets them. The last six run in SQL or around it. */
export const gateNames = [
  'ip-rate',
  'authenticate',
  'provider-status',
  'access',
  'agreement',
  'switch',
  'user-rate',
  'credentials',
  'validation',
  'ownership',
  'consent',
  'conversation-rate',
  'idempotency',
  'switch-recheck',
  'audit',
] as const

export type GateName = (typeof gateNames)[number]
