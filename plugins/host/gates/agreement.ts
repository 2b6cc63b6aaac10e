import { checkAgreement } from '../identity/check-access.ts'
import type { Gate } from './gate.ts'

/** Ids in the request that the token contradicts. */
export const agreement: Gate = {
  name: 'agreement',
  stage: 'admission',
  bind: (operation) => {
    if (!operation.agrees?.length) return null
    return (call, request) => checkAgreement(operation, call.principal!, request)
  },
}
