import { type CompliancePortal, navigationOf, showsButton } from '../../../domain/shell/index.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { type getDeaPortal, type getMe, showMe, showPortal } from '../../../routes/shell/index.ts'
import type { CallerFactsPort, Service } from '../../host/define-context.ts'

export const getMeService = (callerFacts: CallerFactsPort): Service<typeof getMe> => ({
  answer: async (call) => {
    const { agency, flags, open } = await callerFacts.of(call)
    const { userId, audience, patientId, providerId, roles, scopes, expiresAt } = call.principal
    const navigation = navigationOf({ roles, scopes, modules: agency.modules }, open)
    const identity = { sub: userId, audience: audience!, patientId, providerId }
    return { body: showMe({ identity, roles, scopes, agency, flags, navigation, expiresAt }) }
  },
})

/**
 * The scope opened the door; the button's rule is asked all the same: it knows the agency's modules as they are now, and a scope
 * may have been opened by a module that has been switched off since.
 */
export const getPortalService = (portal: CompliancePortal, callerFacts: CallerFactsPort): Service<typeof getDeaPortal> => ({
  answer: async (call) => {
    const { agency } = await callerFacts.of(call)
    const { roles, scopes } = call.principal
    if (!showsButton(portal, { roles, scopes, modules: agency.modules })) throw new Refusal('FORBIDDEN')
    return { body: showPortal(portal) }
  },
})
