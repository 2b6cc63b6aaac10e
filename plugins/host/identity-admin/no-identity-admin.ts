import { DeliveryError } from '../mail/mail.ts'
import type { IdentityAdmin } from './identity-admin.ts'

const unreachable = (): never => {
  throw new DeliveryError('unreachable')
}

/** Where an issuer is configured and its administration is not: nothing is kept, and whoever looks sees that it failed. */
export const noIdentityAdmin: IdentityAdmin = {
  ensure: async () => unreachable(),
  invite: async () => unreachable(),
  enable: async () => unreachable(),
  disable: async () => unreachable(),
  endSessions: async () => unreachable(),
  close: async () => undefined,
}
