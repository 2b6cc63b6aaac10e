import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { personas } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import { checkAccess } from '../../plugins/host/identity/check-access.ts'
import type { Principal } from '../../plugins/host/principal.ts'
import { idempotencyOf, type AnyOperation } from '../../routes/shared/operation.ts'
import type { TestHost } from '../helper.ts'
import { cmsBody, deaBody } from '../fixtures/dea-cms.ts'
import { formOf, jpegFile, pdfFile } from '../fixtures/files.ts'
import { fifteenPercent } from '../fixtures/providers.ts'
import { sampleOf } from './sample.ts'

export interface RequestOptions {
  /** What every free text of the request says. */
  readonly text?: string
  /** Whether the members of body and query that may be absent are there. */
  readonly optional?: boolean
  /** Ids of path parameters by name; ids of nothing unless told. */
  readonly ids?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One operation of the loaded service, and who may call it. */
export interface Drive {
  readonly operation: AnyOperation
  readonly persona: string
  readonly principal: Principal
  /** A request that the gates before validation let pass, and validation too. */
  request(options?: RequestOptions): Omit<InjectOptions, 'url' | 'headers'> & { url: string; headers: Record<string, string> }
  send(options?: RequestOptions): Promise<LightMyRequestResponse>
}

/** Reads of the audit store grow with what a test does: they are asked in the agency in which nothing else happens. */
const auditor = 'compliance-officer-lakeside'
const fits = ({ entity }: AnyOperation, persona: string): boolean => (entity?.type === 'audit') === (persona === auditor)

const mayCall = (operation: AnyOperation, principal: Principal): boolean => {
  try {
    checkAccess(operation, principal)
    return true
  } catch {
    return false
  }
}

const agreeing = (operation: AnyOperation, principal: Principal, place: 'query' | 'body', part: object): Record<string, unknown> => {
  const rules = (operation.agrees ?? []).filter(
    (rule) => rule.in === place && rule.field in part && principal.audience && rule.audiences.includes(principal.audience),
  )
  return { ...part, ...Object.fromEntries(rules.map((rule) => [rule.field, principal[rule.claim]])) }
}

const pathOf = (operation: AnyOperation, ids: Readonly<Record<string, string>>): string =>
  `/api${operation.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(ids[name] ?? newId()))}`

type Written = (sample: any, options: RequestOptions) => object

/** One address is one account's, and a specialty one of a list. */
const ofProvider = (sample: object): object =>
  'email' in sample ? { ...sample, email: `${newId()}@sample.example`, specialty: 'Dermatologist' } : sample

/** Bodies whose rules no sample meets: numbers with check digits, days in their order, the id of a record. */
const written: Readonly<Record<string, Written>> = {
  createProvider: (sample) => ({ ...ofProvider(sample), commission: fifteenPercent }),
  editProvider: (sample) => ofProvider(sample),
  setCommission: () => fifteenPercent,
  createDeaMetadata: ({ registrantName }) => deaBody({ registrantName }),
  replaceDeaMetadata: ({ registrantName }) => deaBody({ registrantName }),
  addDeaComplianceNote: (sample, { ids }) => ({ ...sample, ...(ids?.['metadataId'] ? { metadataId: ids['metadataId'] } : {}) }),
  createCmsMetadata: () => cmsBody(),
  replaceCmsMetadata: () => cmsBody(),
}

const bodyOf = (operation: AnyOperation, options: RequestOptions): object => {
  const sample = sampleOf(operation.body, options)
  return written[operation.name]?.(sample, options) ?? (sample as object)
}

const queryOf = (operation: AnyOperation, principal: Principal, options: RequestOptions): string => {
  const sample = operation.query ? (sampleOf(operation.query, options) as Record<string, unknown>) : {}
  // A cursor and a ticket are no text that anybody can write.
  delete sample['cursor']
  delete sample['ticket']
  const query = new URLSearchParams(
    Object.entries(agreeing(operation, principal, 'query', sample)).map(([name, value]): [string, string] => [name, String(value)]),
  )
  return query.size > 0 ? `?${query.toString()}` : ''
}

/** A token as long as the clock stands still: signing and verifying one for each request would be most of what a test does. */
const tokensOf = (host: TestHost): ((persona: string) => string) => {
  const made = new Map<string, { readonly at: number; readonly token: string }>()
  return (persona) => {
    const at = host.clock.now()
    if (made.get(persona)?.at !== at) made.set(persona, { at, token: host.token(persona) })
    return made.get(persona)!.token
  }
}

const tus = { 'tus-resumable': '1.0.0', 'upload-length': '0', 'upload-offset': '0' }

/** A body as the operation takes it: JSON, a form with a small file, or a part of an upload. */
const sentBy = (operation: AnyOperation, body: unknown): { headers: Record<string, string>; payload?: string | Buffer } => {
  const { upload, resumable } = operation
  if (upload) {
    const pdf = upload.types.includes('application/pdf')
    const content = pdf ? pdfFile() : jpegFile()
    const claims = pdf ? {} : { filename: 'face.jpg', contentType: 'image/jpeg' }
    return formOf((body ?? {}) as Record<string, string>, { content, part: upload.part, ...claims })
  }
  if (resumable === 'append') return { headers: { ...tus, 'content-type': 'application/offset+octet-stream' }, payload: 'xxxxx' }
  if (resumable) return { headers: tus }
  return body === undefined ? { headers: {} } : { headers: { 'content-type': 'application/json' }, payload: JSON.stringify(body) }
}

const tight = ({ limits }: AnyOperation): boolean =>
  limits?.some(({ policy }) => policy.startsWith('provider-') || policy === 'document-access') === true

const driveOf = (
  host: TestHost,
  token: (persona: string) => string,
  operation: AnyOperation,
  persona: string,
  principal: Principal,
): Drive => {
  const request: Drive['request'] = (options = {}) => {
    const body = operation.body ? (options.body ?? agreeing(operation, principal, 'body', bodyOf(operation, options))) : undefined
    const sent = sentBy(operation, body)
    // A limit that no setting widens is met by another user each time.
    const bearer = tight(operation) ? host.token(persona, { claims: { sub: newId() } }) : token(persona)
    return {
      method: operation.method,
      url: pathOf(operation, options.ids ?? {}) + queryOf(operation, principal, options),
      headers: {
        ...(operation.audience.includes('public') ? {} : { authorization: `Bearer ${bearer}` }),
        ...(idempotencyOf(operation) === 'required' ? { 'idempotency-key': newId() } : {}),
        ...(operation.ifMatch ? { 'if-match': '"1"' } : {}),
        ...sent.headers,
        ...options.headers,
      },
      ...(sent.payload === undefined ? {} : { payload: sent.payload }),
    }
  }
  return { operation, persona, principal, request, send: (options) => host.app.inject(request(options)) }
}

/** Every operation that loaded, each with the first persona that may call it: a new context is driven without being named here. */
export const drivesOf = async (host: TestHost): Promise<Drive[]> => {
  const token = tokensOf(host)
  const principals = await Promise.all(
    personas.map(async ({ persona }) => ({ persona, principal: await host.parts.host.identity.authenticate(`Bearer ${token(persona)}`) })),
  )
  return host.loaded.operations.map(({ operation }) => {
    const caller = principals.find(
      ({ persona, principal }) => fits(operation, persona) && (operation.audience.includes('public') || mayCall(operation, principal)),
    )
    if (!caller) throw new Error(`no persona may call ${operation.name}`)
    return driveOf(host, token, operation, caller.persona, caller.principal)
  })
}
