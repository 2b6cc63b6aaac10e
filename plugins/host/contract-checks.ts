import { readdirSync, readFileSync } from 'node:fs'
import type { Contract } from '../../config/contract.ts'
import { agentScopes, everyScope } from '../../config/permissions.ts'
import { flags } from '../../config/flags.ts'
import { messagingCodes } from '../../domain/shared/codes.ts'
import { idempotencyOf, isMutating, problemsOf, type AnyOperation } from '../../routes/shared/operation.ts'
import { complianceChecks } from './compliance-checks.ts'
import { type Later, laterChecks } from './later-checks.ts'
import type { Manifest } from './define-context.ts'
import { portalChecks } from './portal-checks.ts'

/** What the contract is checked on: manifests and operations as they would load, what was approved, and the sources. */
export interface Declared {
  readonly contract: Contract
  /** The project's folder. */
  readonly root: URL
  readonly manifests: readonly Manifest[]
  readonly operations: readonly { readonly context: string; readonly operation: AnyOperation }[]
  readonly later: readonly Later[]
}

type Check = (declared: Declared) => boolean

/** The contexts that MIG-03 orders: the provider portal. */
const inPortal = ({ contract }: Declared, name: string): boolean =>
  contract.approvals.some((approval) => approval.name === name && approval.step !== null)
const all = ({ operations }: Declared, holds: (operation: AnyOperation, context: string) => boolean): boolean =>
  operations.length > 0 && operations.every(({ operation, context }) => holds(operation, context))
const messagingWrites = ({ operations }: Declared): AnyOperation[] =>
  operations.filter(({ context, operation }) => context === 'messaging' && isMutating(operation)).map(({ operation }) => operation)
const messagingOnConversations = ({ operations }: Declared): AnyOperation[] =>
  operations
    .filter(({ context, operation }) => context === 'messaging' && operation.path.includes(':conversationId'))
    .map(({ operation }) => operation)
const everyWrite = (declared: Declared, holds: (operation: AnyOperation) => boolean): boolean => {
  const writes = messagingWrites(declared)
  return writes.length > 0 && writes.every(holds)
}
const manifestOf = ({ manifests }: Declared, name: string): Manifest | undefined => manifests.find((manifest) => manifest.name === name)

/** The hosts that the contract lets a context ask. */
const hostsOf = ({ contract }: Declared, name: string): readonly string[] =>
  contract.approvals.find((approval) => approval.name === name)?.upstreamHosts ?? []

const ofContext = ({ operations }: Declared, name: string): AnyOperation[] =>
  operations.filter(({ context }) => context === name).map(({ operation }) => operation)

/** The operations that ask for advice: they make a consultation. */
const advising = ({ operations }: Declared): AnyOperation[] =>
  operations.filter(({ context, operation }) => context === 'advisor' && operation.reply.status === 201).map(({ operation }) => operation)
const alwaysTrue = (schema: unknown, name: string): boolean =>
  (schema as { properties?: Record<string, { const?: unknown }> } | null)?.properties?.[name]?.const === true

const reach: readonly string[] = ['queue', 'mail', 'outbound-http', 'documents', 'identity-admin']
const forbiddenVerbs = new Set(
  (
    'finalize finalise complete sign cosign countersign attest submit release publish transmit send book schedule reschedule cancel ' +
    'execute apply order prescribe dispatch deliver notify remind bill charge refund invoice pay reconcile'
  ).split(' '),
)
/** `finalizeDraft` and `/drafts/:id/sign` in single words. */
const wordsOf = ({ name, path }: AnyOperation): string[] =>
  `${name} ${path}`.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(/[^a-z]+/)
const closedBody = (schema: unknown): boolean =>
  schema === undefined || (schema as { additionalProperties?: unknown }).additionalProperties === false

const filesOf = (room: URL): string[] => readdirSync(room, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const speaks = /\bfrom '(pino|node:console)'|\bconsole\./
const silent = (room: URL): boolean => filesOf(room).every((name) => !speaks.test(readFileSync(new URL(name, room), 'utf8')))

/** Every check by name. Each can fail: the tests plant what it looks for. */
export const contractChecks: Readonly<Record<string, Check>> = {
  ...portalChecks,
  ...complianceChecks,
  ...laterChecks,
  'reads-are-get': (declared) => all(declared, (operation) => operation.effect !== 'read' || !isMutating(operation)),
  'provider-portal-effects': (declared) =>
    all(declared, (operation, context) => !inPortal(declared, context) || context === 'consent' || operation.effect !== 'write'),
  'effects-declared': (declared) =>
    all(declared, (operation, context) => manifestOf(declared, context)?.effects.includes(operation.effect) === true),
  'capabilities-approved': ({ manifests, contract }) =>
    manifests.every(({ name, capabilities }) =>
      capabilities.every((one) => contract.approvals.find((approval) => approval.name === name)?.capabilities.includes(one)),
    ),
  'no-forbidden-verbs': (declared) =>
    all(
      declared,
      (operation, context) =>
        !(context === 'shell' || inPortal(declared, context)) || !wordsOf(operation).some((word) => forbiddenVerbs.has(word)),
    ),
  'no-outbound': (declared) =>
    declared.manifests.every(
      ({ name, capabilities, upstreamHosts }) =>
        !inPortal(declared, name) ||
        (upstreamHosts.every((host) => hostsOf(declared, name).includes(host)) &&
          !capabilities.some((one) => one === 'mail' || one === 'queue')),
    ),
  'appointments-only-looked-at': (declared) =>
    declared.operations.some(({ context }) => context === 'appointments') &&
    all(
      declared,
      ({ effect, method, consent, killSwitch }, context) =>
        context !== 'appointments' ||
        (effect === 'read' && method === 'GET' && consent?.scope === 'appointments' && killSwitch === 'USE_APPOINTMENT_READS'),
    ) &&
    manifestOf(declared, 'appointments')?.capabilities.every((one) => one === 'outbound-http') === true,
  'shell-only-shows': (declared) =>
    ofContext(declared, 'shell').length > 0 &&
    ofContext(declared, 'shell').every(({ effect, method }) => effect === 'read' && method === 'GET') &&
    manifestOf(declared, 'shell')?.tables.length === 0 &&
    manifestOf(declared, 'shell')?.capabilities.every((one) => one === 'caller-facts') === true,
  'drafts-stay-drafts': (declared) =>
    ofContext(declared, 'clinical-drafts').length > 0 &&
    ofContext(declared, 'clinical-drafts').every(({ effect }) => effect === 'read' || effect === 'draft') &&
    all(declared, ({ effect }, context) => effect !== 'draft' || context === 'clinical-drafts') &&
    manifestOf(declared, 'clinical-drafts')?.capabilities.some((one) => reach.includes(one)) === false,
  'drafts-own-and-consented': (declared) =>
    ofContext(declared, 'clinical-drafts').length > 0 &&
    ofContext(declared, 'clinical-drafts').every(
      ({ consent, method, ownership, path }) =>
        (method === 'DELETE' || consent?.scope === 'clinical-documentation') &&
        (!path.includes(':draftId') || (ownership?.param === 'draftId' && ownership.owner.claim === 'sub')),
    ),
  'advisor-is-last': ({ manifests }) => {
    const ordered = manifests.filter(({ step }) => step !== null)
    return ordered.at(-1)?.name === 'advisor' && ordered.at(-1)?.needs?.includes('consent-decision') === true
  },
  'advisor-only-advises': (declared) => {
    const manifest = manifestOf(declared, 'advisor')
    const asking = advising(declared)
    return (
      asking.length > 0 &&
      manifest?.capabilities.some((one) => reach.includes(one)) === false &&
      manifest.effects.every((effect) => effect === 'read' || effect === 'advise') &&
      asking.every(({ reply }) => alwaysTrue(reply.schema, 'advisory') && alwaysTrue(reply.schema, 'requiresReview'))
    )
  },
  'advisor-is-asked-by-people': (declared) => {
    const own = declared.operations.filter(({ context }) => context === 'advisor').map(({ operation }) => operation)
    const byPeople = ({ audience, scopes }: AnyOperation): boolean =>
      audience.length === 1 && audience[0] === 'staff' && scopes.length > 0 && !scopes.some((scope) => agentScopes.includes(scope))
    const held = (operation: AnyOperation): boolean =>
      operation.killSwitch === 'USE_MEDICAL_ADVISOR' && operation.consent?.scope === 'advisor' && idempotencyOf(operation) === 'required'
    return own.length > 0 && own.every(byPeople) && advising(declared).every(held)
  },
  order: ({ manifests }) => {
    const steps = manifests.map(({ step }) => step).filter((step) => step !== null)
    return steps.every((step, index) => step === index + 1)
  },
  'contexts-approved': ({ manifests, contract }) =>
    manifests.every(({ name }) => contract.approvals.some((approval) => approval.name === name)),
  'amendments-complete': ({ contract }) =>
    contract.amendments.every(({ approvedBy, date, reason, permits }) => Boolean(approvedBy && date && reason && permits.length)),
  'patients-write-messages': (declared) => everyWrite(declared, ({ audience }) => audience.length === 1 && audience[0] === 'patient'),
  'messaging-operations': (declared) =>
    messagingWrites(declared)
      .map(({ name }) => name)
      .sort()
      .join() === 'createConversation,sendMessage',
  'messaging-has-no-reach': (declared) => manifestOf(declared, 'messaging')?.capabilities.some((one) => reach.includes(one)) === false,
  'messaging-switch': (declared) =>
    everyWrite(declared, ({ killSwitch }) => killSwitch === 'USE_CHAT_WRITES') &&
    flags.some(({ name, default: value }) => name === 'USE_CHAT_WRITES' && !value),
  'messaging-consent': (declared) => everyWrite(declared, ({ consent }) => consent?.scope === 'messaging' && consent.patient === 'caller'),
  'messaging-ownership': (declared) =>
    messagingOnConversations(declared).length > 0 &&
    messagingOnConversations(declared).every(
      ({ ownership }) => ownership?.owner.claim === 'patientId' && ownership.refusal === 'FORBIDDEN',
    ),
  'messaging-reads-unswitched': ({ operations }) =>
    operations.every(({ context, operation }) => context !== 'messaging' || isMutating(operation) || operation.killSwitch === undefined),
  'bodies-closed': (declared) => all(declared, ({ body, query, params }) => [body, query, params].every(closedBody)),
  'messaging-keys': (declared) => everyWrite(declared, (operation) => idempotencyOf(operation) === 'required'),
  'messaging-limits': (declared) =>
    everyWrite(declared, ({ limits }) => limits?.some(({ policy }) => policy === 'messaging') === true) &&
    messagingWrites(declared).some(({ limits }) => limits?.some(({ policy }) => policy === 'messaging-conversation')),
  'writes-audited': (declared) => all(declared, (operation) => operation.effect === 'read' || operation.audit === 'record'),
  'rooms-without-logger': ({ root }) => silent(new URL('domain/', root)) && silent(new URL('routes/', root)),
  'messaging-codes': (declared) =>
    everyWrite(declared, (operation) => problemsOf(operation).every((code) => (messagingCodes as readonly string[]).includes(code))),
  'scopes-known': (declared) =>
    all(
      declared,
      ({ scopes, audience, anyScope }) =>
        scopes.every((scope) => everyScope.includes(scope)) && (scopes.length > 0 || anyScope === true || audience.includes('public')),
    ),
  'agents-read': (declared) =>
    all(declared, (operation) => operation.effect === 'read' || !operation.scopes.some((scope) => agentScopes.includes(scope))),
  'tables-owned': ({ manifests }) => {
    const tables = manifests.flatMap(({ tables: owned }) => owned)
    return new Set(tables).size === tables.length
  },
  'operations-declared': ({ operations }) => new Set(operations.map(({ operation }) => operation.name)).size === operations.length,
}
