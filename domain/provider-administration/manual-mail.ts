import { invalid, Refusal } from '../shared/refusal.ts'
import type { DocumentType } from './document.ts'
import type { ProviderStatus } from './lifecycle.ts'
import { type ManualTemplate, manualTemplates, type ProviderNotice } from './notices.ts'

/** What an administrator asks to have mailed. */
export interface ManualAsked {
  readonly template?: ManualTemplate
  readonly documentType?: DocumentType
  readonly resend?: string
}

export type ManualMail =
  | { readonly resend: string }
  | { readonly kind: ProviderNotice; readonly template: ManualTemplate; readonly documentType: DocumentType | null }

/**
 * Either a mail to send once more, or a template; a renewal and a missing document say which document.
 * @throws Refusal VALIDATION_FAILED
 */
export const manualMail = ({ template, documentType, resend }: ManualAsked): ManualMail => {
  if (template !== undefined && resend !== undefined) throw invalid('/resend', 'one-of')
  if (resend !== undefined) {
    if (documentType !== undefined) throw invalid('/documentType', 'one-of')
    return { resend }
  }
  if (template === undefined) throw invalid('/template', 'required')
  if (template === 'activation' && documentType !== undefined) throw invalid('/documentType', 'one-of')
  if (template !== 'activation' && documentType === undefined) throw invalid('/documentType', 'required')
  return { kind: manualTemplates[template], template, documentType: documentType ?? null }
}

/** @throws Refusal CONFLICT: a deactivated provider is not invited to sign in again */
export const checkResend = (kind: string, status: ProviderStatus): void => {
  if (kind === 'welcome' && status === 'deactivated') throw new Refusal('CONFLICT')
}

/** @throws Refusal CONFLICT: nobody is told of an activation that was not, and a deactivated provider is told nothing new */
export const checkManualMail = (template: ManualTemplate, status: ProviderStatus): void => {
  if (status === 'deactivated' || (template === 'activation' && status !== 'active')) throw new Refusal('CONFLICT')
}
