import advisor from './contexts/advisor/index.ts'
import appointments from './contexts/appointments/index.ts'
import audit from './contexts/audit/index.ts'
import clinicalDrafts from './contexts/clinical-drafts/index.ts'
import consent from './contexts/consent/index.ts'
import deaCms from './contexts/dea-cms/index.ts'
import messaging from './contexts/messaging/index.ts'
import providerAdministration from './contexts/provider-administration/index.ts'
import shell from './contexts/shell/index.ts'
import type { ContextDefinition } from './host/define-context.ts'

/** Every context, in the order in which it loads. @see MIG-03 §6 */
export const contexts: readonly ContextDefinition[] = [
  shell,
  audit,
  consent,
  clinicalDrafts,
  appointments,
  advisor,
  messaging,
  providerAdministration,
  deaCms,
]
