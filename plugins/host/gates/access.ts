import { platformAgency } from '../../../domain/shared/ids.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import { checkAccess } from '../identity/check-access.ts'
import { readAgencyScope } from '../identity/agency-scope.ts'
import type { RequestCall } from '../request-call.ts'
import type { AgencyScope } from '../principal.ts'
import type { Gate } from './gate.ts'

/** An agency that nobody added has no trail to leave a row in, and a mistyped one must not pass for an empty one. */
const checkScope = async (host: Host, operation: AnyOperation, { agencyId }: AgencyScope): Promise<void> => {
  if (agencyId === null) {
    if (!operation.acrossAgencies) throw new Refusal('FORBIDDEN')
  } else if (agencyId !== platformAgency && !(await host.agencyExists(agencyId))) throw invalid('/headers/x-agency', 'agency')
}

/** A token of an agency that nobody added: refused, and told of in the platform's chain, since that agency has none. */
const refuseStranger = (call: RequestCall): never => {
  call.scope = { agencyId: platformAgency, bypass: false, accessReason: null }
  throw new Refusal('FORBIDDEN')
}

/** Audience, role and scope; that the agency exists; and the agency that a founder enters with a reason. */
export const access: Gate = {
  name: 'access',
  stage: 'admission',
  bind: (operation, host) => {
    if (operation.audience.includes('public')) return null
    const enter = async (call: RequestCall, scope: AgencyScope): Promise<void> => {
      await checkScope(host, operation, scope)
      call.scope = scope
    }
    return (call, request) => {
      const principal = call.principal!
      checkAccess(operation, principal)
      // A ticket brought its agency along; a header says nothing beside it.
      if (call.scope !== null) return checkScope(host, operation, call.scope)
      if (request.headers['x-agency'] !== undefined) return enter(call, readAgencyScope(principal, request.headers, operation.effect))
      const exists = host.agencyExists(principal.agencyId)
      if (exists === true) return undefined
      if (exists === false) return refuseStranger(call)
      return exists.then((found) => void (found || refuseStranger(call)))
    }
  },
}
