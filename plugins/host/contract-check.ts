import type { Approval, Contract } from '../../config/contract.ts'
import { messagingCodes, type Code } from '../../domain/shared/codes.ts'
import { isMutating, problemsOf, type AnyOperation } from '../../routes/shared/operation.ts'
import type { Manifest } from './define-context.ts'
import type { Service } from './service.ts'

/** A breach of the execution contract. It stops the boot with one sentence that names the clause. */
export class ContractBreach extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'ContractBreach'
  }
}

const breach = (sentence: string): never => {
  throw new ContractBreach(sentence)
}

/** @see 02B, Error Contracts (Stable) */
const closedCodes: ReadonlySet<Code> = new Set(messagingCodes)

const dimensions = ['effects', 'audience', 'capabilities', 'killSwitches', 'tables', 'upstreamHosts'] as const

const nouns: Record<(typeof dimensions)[number], string> = {
  effects: 'the effect',
  audience: 'the audience',
  capabilities: 'the capability',
  killSwitches: 'the kill switch',
  tables: 'the table',
  upstreamHosts: 'the upstream host',
}

/** An amendment that nobody approved, or that gives no date or reason, permits nothing. @see MIG-03 §7, documented amendment */
const permitted = (contract: Contract, name: string): ReadonlySet<string> =>
  new Set(
    contract.amendments
      .filter(({ approvedBy, date, reason }) => Boolean(approvedBy && date && reason))
      .flatMap(({ permits }) => permits.filter((entry) => entry.startsWith(`${name}: `)).map((entry) => entry.slice(name.length + 2))),
  )

const checkReach = (contract: Contract, approval: Approval, manifest: Manifest): void => {
  const amended = permitted(contract, manifest.name)
  for (const dimension of dimensions) {
    const approved: readonly string[] = approval[dimension]
    for (const item of manifest[dimension] as readonly string[]) {
      if (!approved.includes(item) && !amended.has(item))
        breach(`${approval.clause}: ${manifest.name} was not granted ${nouns[dimension]} "${item}".`)
    }
  }
}

const checkOrder = (contract: Contract, approval: Approval, manifest: Manifest, loaded: readonly Manifest[]): void => {
  if (manifest.step !== approval.step)
    breach(`MIG-03 §6: ${manifest.name} declares step ${manifest.step}, the contract says ${approval.step}.`)
  for (const earlier of contract.approvals) {
    if (approval.step === null || earlier.step === null || earlier.step >= approval.step) continue
    if (!loaded.some(({ name }) => name === earlier.name)) breach(`MIG-03 §6: ${manifest.name} cannot load before ${earlier.name}.`)
  }
  for (const name of manifest.after ?? []) {
    if (!loaded.some((other) => other.name === name)) breach(`${approval.clause}: ${manifest.name} cannot load before ${name}.`)
  }
  for (const port of manifest.needs ?? []) {
    if (!loaded.some(({ provides }) => provides?.includes(port)))
      breach(`MIG-03 §6.1: ${manifest.name} needs the port "${port}", which no context before it provides.`)
  }
}

/** Who may have the advisor's source asked says so with the setting that names it. */
const checkAdvice = ({ name, capabilities, upstreamHosts, effects }: Manifest): void => {
  if (!capabilities.includes('advice')) return
  if (!upstreamHosts.includes('ADVISOR_URL')) breach(`MIG-03 §6.4: ${name} is given the advisor's source and does not list ADVISOR_URL.`)
  const beyond = effects.find((effect) => effect !== 'read' && effect !== 'advise')
  if (beyond) breach(`MIG-03 §6.4: ${name} is given the advisor's source and has the effect "${beyond}"; an advisor advises.`)
}

/** Holds a manifest against the contract and the contexts that loaded before it. Throws `ContractBreach`. */
export const checkManifest = (contract: Contract, manifest: Manifest, loaded: readonly Manifest[]): void => {
  if (loaded.some(({ name }) => name === manifest.name)) breach(`MIG-03 §6: the context ${manifest.name} is listed twice.`)
  const approval = contract.approvals.find(({ name }) => name === manifest.name)
  if (!approval)
    return breach(`MIG-03 §7: the context ${manifest.name} is not in the approved contract; adding a service takes an amendment.`)
  checkOrder(contract, approval, manifest, loaded)
  checkReach(contract, approval, manifest)
  checkAdvice(manifest)
}

/** Holds every manifest against the contract, in order: before anything is opened for contexts that may not load. Throws `ContractBreach`. */
export const checkManifests = (contract: Contract, manifests: readonly Manifest[]): void =>
  manifests.forEach((manifest, index) => checkManifest(contract, manifest, manifests.slice(0, index)))

const checkEffect = (manifest: Manifest, operation: AnyOperation): void => {
  const { name } = operation
  if (!manifest.effects.includes(operation.effect))
    breach(`MIG-03 §4: ${name} has the effect "${operation.effect}", which ${manifest.name} did not declare.`)
  if (operation.effect === 'read' && isMutating(operation)) {
    breach(`MIG-03 §3.3: ${name} is declared as a read and would answer ${operation.method}; reads are GET.`)
  }
  if (operation.effect !== 'read' && !isMutating(operation))
    breach(`MIG-03 §4: ${name} answers GET and would have the effect "${operation.effect}".`)
}

const checkCallers = (manifest: Manifest, operation: AnyOperation, knownScopes: ReadonlySet<string>): void => {
  const { name } = operation
  for (const audience of operation.audience) {
    if (!manifest.audience.includes(audience))
      breach(`MIG-03 §4, least privilege: ${name} is for "${audience}", whom ${manifest.name} did not declare.`)
  }
  const open = operation.audience.includes('public') || operation.anyScope === true
  if (operation.scopes.length === 0 && !open) breach(`FusionEMS part 4, deny by default: ${name} names no scope.`)
  for (const scope of operation.scopes) {
    if (!knownScopes.has(scope))
      breach(`FusionEMS part 2: ${name} asks for the scope "${scope}", which the permission matrix does not know.`)
  }
}

const checkGates = (manifest: Manifest, operation: AnyOperation): void => {
  const { name } = operation
  if (operation.killSwitch && !manifest.killSwitches.includes(operation.killSwitch)) {
    breach(`02B, Feature Flags: ${name} obeys ${operation.killSwitch}, which ${manifest.name} did not declare.`)
  }
  if (
    operation.consent &&
    manifest.needs?.includes('consent-decision') !== true &&
    manifest.provides?.includes('consent-decision') !== true
  ) {
    breach(`MIG-03 §6.1: ${name} asks for consent, and ${manifest.name} does not need the port "consent-decision".`)
  }
  const patient = operation.consent?.patient
  if (typeof patient === 'object' && 'column' in patient && (!operation.ownership || operation.consent?.exempt))
    breach(`MIG-03 §6.1: ${name} asks for the consent of the patient of a row, and must look that row up for every caller.`)
  const through = operation.consent?.through
  if (through && manifest.needs?.includes(through.port) !== true)
    breach(`MIG-03 §6.1: ${name} asks through the port "${through.port}", which ${manifest.name} does not need.`)
  if (operation.effect !== 'read' && operation.audit !== 'record')
    breach(`02B, Audit: ${name} changes something and would leave no audit row.`)
  const beyond = operation.closed ? problemsOf(operation).find((code) => !closedCodes.has(code)) : undefined
  if (beyond) breach(`02B, Error Contracts: ${name} is closed and would answer ${beyond}.`)
  if (operation.ownership && !manifest.tables.includes(operation.ownership.table)) {
    breach(`MIG-03 §4, least privilege: ${name} looks up ${operation.ownership.table}, which ${manifest.name} does not own.`)
  }
}

/** A founder reads across agencies on a login that may only select, and never in a domain transaction, which works in one agency. */
const checkAcross = (operation: AnyOperation, service: Service<AnyOperation>): void => {
  if (!operation.acrossAgencies) return
  if (operation.effect !== 'read') breach(`FusionEMS part 2: ${operation.name} would change something across agencies.`)
  if ('transact' in service) breach(`FusionEMS part 2: ${operation.name} is read across agencies, and a domain transaction works in one.`)
}

const statementOf = (service: Service<AnyOperation>): AnyOperation | null => {
  if ('query' in service) return service.query.operation
  return 'statement' in service ? service.statement.operation : null
}

/** A gate that a declaration asks for must run in the kind of service that serves it. */
const checkService = (manifest: Manifest, operation: AnyOperation, service: Service<AnyOperation>): void => {
  const { name } = operation
  const compiled = statementOf(service)
  if (compiled && compiled !== operation)
    breach(`FusionEMS part 4, deny by default: ${name} would run behind the gates of ${compiled.name}.`)
  const transacts = 'transact' in service || 'consult' in service || 'accept' in service || 'resumable' in service
  const writes = transacts || 'statement' in service
  if ('consult' in service && operation.effect !== 'advise')
    breach(`MIG-03 §6.4: ${name} asks an advisor and has the effect "${operation.effect}".`)
  if (operation.consent?.through && !transacts)
    breach(`FusionEMS part 4, deny by default: ${name} asks through a port, which only a domain transaction does.`)
  if ('statement' in service && operation.effect === 'read') breach(`MIG-03 §3.3: ${name} is declared as a read and would run a write.`)
  if (operation.effect !== 'read' && !writes) breach(`02B, Audit: ${name} would change something outside the transaction of its audit row.`)
  if ('answer' in service && (operation.ownership || operation.consent))
    breach(`FusionEMS part 4, deny by default: ${name} declares ownership or consent, which is asked in SQL, and would run none.`)
  if (!writes && operation.limits?.some(({ per }) => per !== 'user'))
    breach(`02B, Rate Limiting: ${name} declares a limit per record, which only a write keeps.`)
  if (transacts && !manifest.capabilities.includes('transaction')) {
    breach(
      `MIG-03 §4, least privilege: ${name} opens a domain transaction, and ${manifest.name} was not granted the capability "transaction".`,
    )
  }
}

/** Whoever has no token is nobody: nothing is asked of them, and what they read runs under the public's own role, which sees what is published. */
const checkPublic = (operation: AnyOperation, service: Service<AnyOperation>): void => {
  const { name, audience, effect, scopes, limits } = operation
  if (!audience.includes('public')) return
  if (audience.length > 1)
    breach(`FR-015 FR-018: ${name} is for the public and for others besides; what is published is one operation’s alone.`)
  if (effect !== 'read') breach(`FR-015 FR-018: ${name} is public and has the effect "${effect}"; the public reads.`)
  if (!('query' in service))
    breach(`FR-015 Privacy Rule 1: ${name} is public and would not run under the role that sees what is published alone.`)
  if (
    scopes.length > 0 ||
    limits?.length ||
    operation.ownership ||
    operation.consent ||
    operation.agrees ||
    operation.acrossAgencies ||
    operation.ticket
  )
    breach(`FusionEMS part 4, deny by default: ${name} is public and declares a gate that asks who calls; nobody would be asked.`)
}

/** A ticket opens one recorded read, and its place in the query is declared. */
const checkTicket = (operation: AnyOperation): void => {
  const { name, effect, audit, params, query } = operation
  if (!operation.ticket) return
  if (effect !== 'read' || audit !== 'record')
    breach(`FR-015 FR-008: ${name} opens by a ticket, and is no read that is recorded each time.`)
  if (!params || !(query as { properties?: object } | undefined)?.properties || !('ticket' in (query as { properties: object }).properties))
    breach(`FR-015 FR-008: ${name} opens by a ticket, and does not name one record and the ticket’s place in the query.`)
}

/** A file comes in and goes out through the host alone, which counts, looks, scans and seals. */
const checkFiles = (manifest: Manifest, operation: AnyOperation, service: Service<AnyOperation>): void => {
  const { name, effect, upload, resumable, download } = operation
  const takes = 'accept' in service
  const steps = 'resumable' in service ? service.resumable : undefined
  if (takes !== (upload !== undefined) || steps !== resumable)
    breach(`FR-015 FR-007: ${name} takes a file and is not served as its declaration says.`)
  if (!takes && steps === undefined && !download) return
  if (!manifest.capabilities.includes('documents'))
    breach(`MIG-03 §4, least privilege: ${name} handles documents, and ${manifest.name} was not granted the capability "documents".`)
  if ((takes || (steps !== undefined && steps !== 'status')) && effect !== 'write' && effect !== 'admin')
    breach(`MIG-03 §4: ${name} stores a file and has the effect "${effect}".`)
  if (takes && operation.agrees?.some(({ in: place }) => place === 'body'))
    breach(`FusionEMS part 4, deny by default: ${name} compares a field of a form with the token, and the form is read after that.`)
}

/** Holds an operation against its context's manifest. Throws `ContractBreach`. */
export const checkOperation = (
  manifest: Manifest,
  operation: AnyOperation,
  service: Service<AnyOperation>,
  knownScopes: ReadonlySet<string>,
): void => {
  checkEffect(manifest, operation)
  checkCallers(manifest, operation, knownScopes)
  checkGates(manifest, operation)
  checkAcross(operation, service)
  checkService(manifest, operation, service)
  checkPublic(operation, service)
  checkTicket(operation)
  checkFiles(manifest, operation, service)
}
