import { Refusal } from '../../../domain/shared/refusal.ts'
import { checkAccess } from '../identity/check-access.ts'
import { readAgencyScope } from '../identity/agency-scope.ts'
import type { Gate } from './gate.ts'

/** Audience, role and scope; and the agency that a founder enters with a reason. */
export const access: Gate = {
  name: 'access',
  stage: 'admission',
  bind: (operation) => {
    if (operation.audience.includes('public')) return null
    return (call, request) => {
      const principal = call.principal!
      checkAccess(operation, principal)
      if (request.headers['x-agency'] === undefined) return
      const scope = readAgencyScope(principal, request.headers, operation.effect)
      if (scope.agencyId === null && !operation.acrossAgencies) throw new Refusal('FORBIDDEN')
      call.scope = scope
    }
  },
}
