import type { DocumentType } from './document.ts'
import type { TransitionName } from './lifecycle.ts'

/** What a provider is told, by mail and in their portal. @see design, section 8 */
export const providerNotices = [
  'welcome',
  'activated',
  'document-approved',
  'document-rejected',
  'document-requested',
  'document-renewal',
  'document-missing',
  'suspended',
  'deactivated',
  'reactivated',
  'tier-changed',
  'email-changed',
] as const
export type ProviderNotice = (typeof providerNotices)[number]

/** What administrators are told: in their portal, and by mail those whom the settings name. */
export const administratorNotices = ['document-awaiting-review', 'document-expiring', 'mail-failed', 'plan-refused'] as const
export type AdministratorNotice = (typeof administratorNotices)[number]

export type Notice = ProviderNotice | AdministratorNotice

/** What an administrator can have mailed by hand, and the notice that it is. @see FR-015, Screen 3, "Send Notification" */
export const manualTemplates = {
  'document-renewal': 'document-renewal',
  'document-missing': 'document-missing',
  activation: 'activated',
} as const
export type ManualTemplate = keyof typeof manualTemplates

/** What a notice is about besides its provider. Ids, dates, types and an administrator's reason; no address, no licence number. */
export interface NoticeFacts {
  readonly documentId?: string
  readonly documentType?: DocumentType
  /** `YYYY-MM-DD` */
  readonly expiresOn?: string
  readonly daysLeft?: number
  readonly reason?: string
  /** `YYYY-MM-DD`, where a change was set for a day. */
  readonly effectiveDate?: string
  readonly tier?: { readonly name: string; readonly rate: string; readonly count: number }
  /** What was planned and is not allowed any more on its day. */
  readonly planned?: TransitionName
  /** The notice whose mail did not get through. */
  readonly failed?: Notice
}

/** What the words need besides the facts. */
export interface NoticeSetting {
  /** `Dr. First Last`. */
  readonly providerName: string
  /** As the agency's settings say it; may be empty. */
  readonly supportContact: string
}

/** A notice in words, for a mail and for a portal. */
export interface Words {
  readonly subject: string
  readonly paragraphs: readonly string[]
}

const documentNames: Readonly<Record<DocumentType, string>> = {
  medical_license: 'Medical License',
  board_certification: 'Board Certification',
  malpractice_insurance: 'Malpractice Insurance',
}

/** As people read it: "Medical License". */
export const documentName = (type: DocumentType | undefined): string => (type === undefined ? 'document' : documentNames[type])

const days = (count: number): string => (count === 1 ? '1 day' : `${count} days`)

const expiry = ({ daysLeft, expiresOn }: NoticeFacts): string => {
  if (expiresOn === undefined) return 'expires'
  if (daysLeft === undefined) return `expires on ${expiresOn}`
  if (daysLeft > 0) return `expires in ${days(daysLeft)} on ${expiresOn}`
  return daysLeft === 0 ? `expires today, ${expiresOn}` : `expired on ${expiresOn}`
}

const support = ({ supportContact }: NoticeSetting): string =>
  supportContact === '' ? 'Contact support for assistance.' : `Contact support for assistance: ${supportContact}`

const because = ({ reason }: NoticeFacts): string[] => (reason === undefined ? [] : [`Reason: ${reason}`])
const since = ({ effectiveDate }: NoticeFacts): string => (effectiveDate === undefined ? '' : ` as of ${effectiveDate}`)

type Writer = (facts: NoticeFacts, setting: NoticeSetting) => Words

const writers: Readonly<Record<Notice, Writer>> = {
  welcome: () => ({
    subject: 'Your provider account has been created',
    paragraphs: [
      'An account was created for you on the provider platform.',
      'Open the link below to set up your sign-in. It works once and for a short time only; no password is ever sent by mail.',
      'Until your account is activated you can see its status and send the documents that are asked for.',
    ],
  }),
  activated: () => ({
    subject: 'Your account is active',
    paragraphs: [
      'Account Activated: your provider account is now active, and you can accept consultations and bookings.',
      'Sign in with the address that this mail was sent to. If you have not set up your sign-in yet, use the link of your welcome mail or ask for a new one.',
    ],
  }),
  'document-approved': ({ documentType }) => ({
    subject: `Your ${documentName(documentType)} has been approved`,
    paragraphs: [`Your ${documentName(documentType)} has been verified and approved.`],
  }),
  'document-rejected': ({ documentType, reason = '' }) => ({
    subject: `Your ${documentName(documentType)} was not approved`,
    paragraphs: [`Your ${documentName(documentType)} was not approved. Reason: ${reason}`, 'Please upload a corrected document.'],
  }),
  'document-requested': ({ documentType }) => ({
    subject: `Please upload your ${documentName(documentType)} again`,
    paragraphs: [`A new version of your ${documentName(documentType)} is needed. Please upload it in your portal.`],
  }),
  'document-renewal': (facts) => ({
    subject: `Please renew your ${documentName(facts.documentType)}`,
    paragraphs: [
      facts.expiresOn === undefined
        ? `Please renew your ${documentName(facts.documentType)}.`
        : `Your ${documentName(facts.documentType)} ${expiry(facts)}.`,
      'Please upload the renewed document in your portal.',
    ],
  }),
  'document-missing': ({ documentType }) => ({
    subject: `Your ${documentName(documentType)} is missing`,
    paragraphs: [`Your ${documentName(documentType)} has not been received yet. Please upload it in your portal.`],
  }),
  suspended: (facts, setting) => ({
    subject: 'Your account has been suspended',
    paragraphs: [`Your account has been suspended${since(facts)}.`, ...because(facts), support(setting)],
  }),
  deactivated: (facts, setting) => ({
    subject: 'Your account has been deactivated',
    paragraphs: [`Your account has been deactivated${since(facts)}. You can no longer sign in.`, ...because(facts), support(setting)],
  }),
  reactivated: (facts) => ({
    subject: 'Your account is active again',
    paragraphs: [`Your account has been reactivated${since(facts)}.`, ...because(facts)],
  }),
  'tier-changed': ({ tier }) => ({
    subject: 'Your commission tier has changed',
    paragraphs: [
      tier === undefined
        ? 'Your commission tier has changed.'
        : `You have moved to ${tier.name} (${tier.rate}% commission) based on ${tier.count} ${tier.count === 1 ? 'procedure' : 'procedures'} completed.`,
    ],
  }),
  'email-changed': (_, setting) => ({
    subject: 'Your sign-in address is being changed',
    paragraphs: [
      'A new sign-in address was entered for your account. It takes effect when the new address confirms it.',
      `If you did not expect this, tell us. ${support(setting)}`,
    ],
  }),
  'document-awaiting-review': ({ documentType }, { providerName }) => ({
    subject: 'A provider document awaits review',
    paragraphs: [`${providerName}: a ${documentName(documentType)} was uploaded and awaits review.`],
  }),
  'document-expiring': (facts, { providerName }) => ({
    subject: `Reminder: a provider's ${documentName(facts.documentType)} ${(facts.daysLeft ?? 0) < 0 ? 'has expired' : 'expires'}`,
    paragraphs: [
      `Reminder: Provider ${providerName}'s ${documentName(facts.documentType)} ${expiry(facts)}. Please follow up to obtain the renewed document.`,
    ],
  }),
  'mail-failed': ({ failed }, { providerName }) => ({
    subject: 'A mail to a provider was not delivered',
    paragraphs: [
      `The mail "${failed ?? ''}" to ${providerName} could not be delivered after three attempts. It can be sent again by hand.`,
    ],
  }),
  'plan-refused': ({ planned = 'change', effectiveDate }, { providerName }) => ({
    subject: 'A planned change of a provider was not carried out',
    paragraphs: [
      `The ${planned} of ${providerName}${effectiveDate === undefined ? '' : ` that was planned for ${effectiveDate}`} was not carried out: the provider's status or documents do not allow it any more. Nothing was changed; please look at the account.`,
    ],
  }),
}

/** A notice in words. No password, and nothing of a patient. @see FR-015, Communication Structure; design, section 8 */
export const wordsOf = (kind: Notice, facts: NoticeFacts, setting: NoticeSetting): Words => writers[kind](facts, setting)
