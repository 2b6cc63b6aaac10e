import type { FastifyInstance } from 'fastify'
import { personaNamed, type Persona } from '../config/personas.ts'
import { newId } from '../domain/shared/ids.ts'
import { beginDemoProvider, demoProviderStatus } from './contexts/provider-administration/demo-provider.ts'
import { demoDocuments, demoPdf } from './dev/demo-documents.ts'
import type { DevIssuer } from './dev/issuer.ts'
import { createServiceTransactions } from './host/jobs/service-transaction.ts'
import type { Parts } from './parts.ts'

interface Seeded {
  readonly app: FastifyInstance
  readonly parts: Parts
  readonly now: () => Date
}

/** A request of an administrator of providers, without a network. @throws Error with the status where it is refused */
const asAdministrator = (app: FastifyInstance, issuer: DevIssuer) => {
  const token = issuer.issueToken(personaNamed('provider-admin')!)
  return async (method: 'GET' | 'POST', path: string, { type, payload }: { type?: string; payload?: Buffer } = {}, etag?: string) => {
    const response = await app.inject({
      method,
      url: `/api/admin/providers/${path}`,
      headers: {
        authorization: `Bearer ${token}`,
        'idempotency-key': newId(),
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(etag === undefined ? {} : { 'if-match': etag }),
      },
      ...(payload === undefined ? {} : { payload }),
    })
    if (response.statusCode >= 400) throw new Error(`the demo's provider: ${method} answered ${response.statusCode}`)
    return response
  }
}

const formOf = async (type: string, year: number): Promise<{ type: string; payload: Buffer }> => {
  const form = new FormData()
  form.set('type', type)
  form.set('expirationDate', `${year}-12-31`)
  form.set(
    'file',
    new Blob([new Uint8Array(demoPdf(`A ${type.replaceAll('_', ' ')} of the demo`))], { type: 'application/pdf' }),
    `${type}.pdf`,
  )
  const request = new Request('http://demo', { method: 'POST', body: form })
  return { type: request.headers.get('content-type')!, payload: Buffer.from(await request.arrayBuffer()) }
}

/** Uploads what is missing, approves it and activates the account, as an administrator would. */
const activate = async (app: FastifyInstance, issuer: DevIssuer, id: string, year: number): Promise<void> => {
  const ask = asAdministrator(app, issuer)
  const standing = async () =>
    (await ask('GET', `${id}/documents`)).json<{ items: { id: string; type: string; verificationStatus: string }[] }>().items
  const there = new Set((await standing()).map(({ type }) => type))
  for (const type of demoDocuments) if (!there.has(type)) await ask('POST', `${id}/documents`, await formOf(type, year))
  const pending = (await standing()).filter(({ verificationStatus }) => verificationStatus === 'pending').map((one) => one.id)
  const { headers } = await ask('GET', id)
  const payload = Buffer.from(JSON.stringify({ confirm: true, verifiedDocuments: pending }))
  await ask('POST', `${id}/activation`, { type: 'application/json', payload }, headers.etag)
}

/**
 * The demo's active provider, whom the persona `provider-self` is: begun once under the id that its tokens carry, then brought in over the
 * API. A start that was cut off is gone on with by the next.
 * @see design, section 10
 */
export const seedDemoProvider = async ({ app, parts, now }: Seeded): Promise<void> => {
  const { devIssuer } = parts.surroundings
  const { agencyId, providerId: id } = personaNamed('provider-self') as Persona & { providerId: string }
  if (!devIssuer) return
  const transactions = createServiceTransactions({ transactions: parts.host.transactions, audit: parts.audit })
  const at = now()
  const plan = { action: 'demo.provider', agencyId, at, auditId: newId(at.getTime()) }
  const status = await transactions.read(plan, (tx) => demoProviderStatus(tx, agencyId, id))
  if (status === null) {
    const acting = { agencyId, now: at, auditId: plan.auditId, by: 'service' }
    await transactions.write(plan, async (tx) => ({
      result: await beginDemoProvider(tx, id, acting, parts.capabilities),
      facts: { entity: { type: 'provider', id } },
    }))
  }
  if (status === null || status === 'draft') await activate(app, devIssuer, id, at.getUTCFullYear() + 1)
}
