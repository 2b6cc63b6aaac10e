/** A clause of a source document, the checks that hold it, and the tests that prove the checks. */
export interface Clause {
  readonly id: string
  /** The clause in a few words of our own. */
  readonly says: string
  /** Names of `plugins/host/contract-checks.ts`; each runs whenever the contract is printed. */
  readonly checks: readonly string[]
  /** Test files that prove it on the running service. */
  readonly tests: readonly string[]
}

/** MIG-03, 02B and the FusionEMS parts that bind this version. A clause whose context is still to come says so by having no test. */
export const clauses: readonly Clause[] = [
  {
    id: 'MIG-03 §3',
    says: 'Reads and drafts only in the provider portal',
    checks: ['reads-are-get', 'provider-portal-effects'],
    tests: ['test/host/contract-check.test.ts'],
  },
  {
    id: 'MIG-03 §3.1',
    says: 'A shell that shows identity and navigation, and does nothing',
    checks: ['shell-only-shows'],
    tests: ['test/contexts/shell'],
  },
  {
    id: 'MIG-03 §4',
    says: 'Nothing irreversible; least privilege',
    checks: ['effects-declared', 'capabilities-approved'],
    tests: ['test/host/contract-check.test.ts', 'test/house/mutation.test.ts'],
  },
  {
    id: 'MIG-03 §5',
    says: 'No billing, no appointment execution, no delivery, no EHR write-back, no autonomous AI',
    checks: ['no-forbidden-verbs', 'no-outbound'],
    tests: ['test/host/contract-check.test.ts'],
  },
  {
    id: 'MIG-03 §6',
    says: 'Services in their order, none besides',
    checks: ['order', 'contexts-approved'],
    tests: ['test/host/contract-check.test.ts'],
  },
  {
    id: 'MIG-03 §6.1',
    says: 'Consent comes first, and others ask it',
    checks: ['order', 'messaging-consent', 'consent-asked-of-staff'],
    tests: ['test/contexts/consent'],
  },
  {
    id: 'MIG-03 §6.2',
    says: 'Clinical drafts come second: no finalization, no submission',
    checks: [
      'order',
      'no-forbidden-verbs',
      'drafts-stay-drafts',
      'drafts-say-so',
      'drafts-own-and-consented',
      'drafts-switched-and-versioned',
    ],
    tests: ['test/contexts/clinical-drafts', 'test/domain/clinical-drafts.test.ts'],
  },
  {
    id: 'MIG-03 §6.3',
    says: 'Appointments come third, read only',
    checks: ['order', 'provider-portal-effects', 'appointments-only-looked-at', 'calendars-bounded-by-token'],
    tests: ['test/contexts/appointments'],
  },
  {
    id: 'MIG-03 §6.4',
    says: 'The advisor comes last, advisory only',
    checks: [
      'order',
      'advisor-is-last',
      'advisor-only-advises',
      'advisor-operations',
      'advice-has-no-actions',
      'advisor-is-asked-by-people',
      'consultations-own-and-consented',
    ],
    tests: ['test/contexts/advisor', 'test/house/advise-mutation.long.test.ts'],
  },
  {
    id: 'MIG-03 §7',
    says: 'Stop conditions halt until decided',
    checks: ['amendments-complete'],
    tests: ['test/host/contract-check.test.ts'],
  },
  {
    id: 'MIG-03 §7, Scope breach',
    says: 'Nothing beyond reads and drafts',
    checks: ['provider-portal-effects', 'contexts-approved'],
    tests: ['test/house/contract-print.test.ts'],
  },
  {
    id: 'MIG-03 §7, Execution side effects',
    says: 'Nothing is sent, booked, billed or written back',
    checks: ['no-forbidden-verbs', 'no-outbound', 'drafts-stay-drafts', 'drafts-say-so', 'appointments-only-looked-at'],
    tests: ['test/house/contract-print.test.ts', 'test/contexts/clinical-drafts/nothing-finalizes.test.ts'],
  },
  {
    id: 'MIG-03 §7, Integration order violation',
    says: 'No service out of order, none added',
    checks: ['order', 'advisor-is-last', 'contexts-approved'],
    tests: ['test/house/contract-print.test.ts', 'test/contexts/advisor/contract.test.ts'],
  },
  {
    id: 'MIG-03 §7, Autonomy introduced',
    says: 'People ask, and people review',
    checks: ['advisor-is-asked-by-people', 'advisor-only-advises', 'advisor-operations', 'advice-has-no-actions', 'agents-read'],
    tests: ['test/house/contract-print.test.ts', 'test/house/advise-mutation.long.test.ts'],
  },
  {
    id: 'MIG-03 §7, Authorization uncertainty',
    says: 'Who may do what is said for every operation, in words that the matrix knows',
    checks: [
      'scopes-known',
      'operations-declared',
      'drafts-own-and-consented',
      'consultations-own-and-consented',
      'calendars-bounded-by-token',
      'consent-asked-of-staff',
      'portal-reads-audited',
    ],
    tests: ['test/house/contract-print.test.ts', 'test/host/role-by-operation.test.ts'],
  },
  {
    id: 'MIG-03 §7, Contract conflict',
    says: 'What contradicts the contract waits for a documented decision',
    checks: ['capabilities-approved', 'amendments-complete'],
    tests: ['test/house/contract-print.test.ts'],
  },
  {
    id: 'MIG-03 §7, Boundary creep',
    says: 'Messaging, appointments and billing stay what they are',
    checks: ['patients-write-messages', 'appointments-only-looked-at', 'contexts-approved'],
    tests: ['test/house/contract-print.test.ts'],
  },
  { id: 'MIG-03 §8', says: 'Other apps are not part of it', checks: ['contexts-approved'], tests: ['test/host/contract-check.test.ts'] },
  {
    id: '02B, Core Principle',
    says: 'Writes are user-triggered and pass the gateway only',
    checks: ['patients-write-messages'],
    tests: ['test/house/mutation.test.ts'],
  },
  {
    id: '02B, Allowed Operations',
    says: 'createConversation and sendMessage, nothing else',
    checks: ['messaging-operations'],
    tests: ['test/contexts/messaging'],
  },
  {
    id: '02B, Explicitly Forbidden',
    says: 'No AI, no reply, no queue, no provider workflow',
    checks: ['messaging-has-no-reach', 'patients-write-messages', 'later-where-decided'],
    tests: ['test/host/contract-check.test.ts', 'test/host/jobs/declarations.test.ts'],
  },
  {
    id: '02B, Feature Flags',
    says: 'USE_CHAT_WRITES, off by default, obeyed at once',
    checks: ['messaging-switch'],
    tests: ['test/host/flags/file.test.ts', 'test/host/switch-moves.test.ts', 'test/house/mutation.test.ts'],
  },
  {
    id: '02B, Identity & Authorization',
    says: 'Actor, ownership, consent',
    checks: ['messaging-ownership', 'messaging-consent'],
    tests: ['test/contexts/messaging', 'test/house/mutation.test.ts'],
  },
  {
    id: '02B, Validation',
    says: 'Explicit schemas per operation',
    checks: ['bodies-closed'],
    tests: ['test/host/error-contract.long.test.ts'],
  },
  {
    id: '02B, Idempotency',
    says: 'A key on every write; no duplicates',
    checks: ['messaging-keys'],
    tests: ['test/contexts/messaging', 'test/house/mutation.test.ts'],
  },
  {
    id: '02B, Rate Limiting',
    says: 'Per user, burst, per conversation; hard refusal',
    checks: ['messaging-limits'],
    tests: ['test/contexts/messaging', 'test/house/mutation.test.ts'],
  },
  {
    id: '02B, Audit',
    says: 'Every attempt with its payload, in the audit store alone',
    checks: ['writes-audited'],
    tests: ['test/host/audit', 'test/house/canary.long.test.ts'],
  },
  { id: '02B, Logging', says: 'Metadata only', checks: ['rooms-without-logger'], tests: ['test/house/canary.long.test.ts'] },
  {
    id: '02B, Error Contracts',
    says: 'Seven codes and no other',
    checks: ['messaging-codes'],
    tests: ['test/host/error-contract.long.test.ts'],
  },
  {
    id: '02B, Patient Portal Integration Rules',
    says: 'Portals call the gateway; reads stay as they are',
    checks: ['messaging-reads-unswitched', 'operations-declared'],
    tests: ['test/contexts/messaging', 'test/house/readme-tour.long.test.ts'],
  },
  {
    id: '02B, Completion Criteria',
    says: 'Gateway, limits, audit and switch hold, and CI proves it',
    checks: ['messaging-operations', 'messaging-limits', 'writes-audited', 'messaging-switch'],
    tests: ['test/house/mutation.test.ts', 'test/house/contract-print.test.ts'],
  },
  { id: 'FusionEMS part 2', says: 'The permission matrix', checks: ['scopes-known'], tests: ['test/config/permissions.test.ts'] },
  {
    id: 'FusionEMS part 2, AI Agents',
    says: 'Delegated reads under a policy version',
    checks: ['agents-read', 'advisor-is-asked-by-people'],
    tests: ['test/host/identity', 'test/contexts/advisor'],
  },
  {
    id: 'FusionEMS part 4, layer 1',
    says: 'Row security with a rejected missing context',
    checks: ['tables-owned'],
    tests: ['test/host/database'],
  },
  {
    id: 'FusionEMS part 4, layer 2',
    says: 'Seven steps, deny by default, request log',
    checks: ['operations-declared'],
    tests: ['test/host/gateway.test.ts', 'test/host/pipeline.test.ts', 'test/host/contract-check.test.ts'],
  },
  {
    id: 'FusionEMS part 5',
    says: 'DEA and CMS buttons by role and scope; disclaimers word for word',
    checks: ['shell-only-shows'],
    tests: ['test/contexts/shell', 'test/domain/shell.test.ts'],
  },
  {
    id: 'FusionEMS part 5, API Endpoints',
    says: 'Sixteen endpoints for DEA and CMS metadata, by scope, agency-scoped and audited; no credentials, nothing submitted',
    checks: ['compliance-endpoints', 'compliance-gates', 'compliance-has-no-way-out'],
    tests: ['test/contexts/dea-cms', 'test/domain/dea-cms.test.ts', 'test/host/role-by-operation.test.ts'],
  },
]
