import { cmsPortal, deaPortal } from '../../../domain/shell/index.ts'
import { getCmsPortal, getDeaPortal, getMe } from '../../../routes/shell/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { getMeService, getPortalService } from './shell.handlers.ts'

/** The entry point of every portal: who is calling, and where they may go. It keeps nothing and changes nothing. @see MIG-03 §3.1 */
export default defineContext({
  manifest: {
    name: 'shell',
    step: null,
    audience: ['patient', 'provider', 'service', 'staff'],
    effects: ['read'],
    killSwitches: ['USE_DEA_PORTAL', 'USE_CMS_PORTAL'],
    capabilities: ['caller-facts'],
    tables: [],
    upstreamHosts: [],
  },
  setup(scope) {
    scope.serve(getMe, getMeService(scope.callerFacts))
    scope.serve(getDeaPortal, getPortalService(deaPortal, scope.callerFacts))
    scope.serve(getCmsPortal, getPortalService(cmsPortal, scope.callerFacts))
  },
})
