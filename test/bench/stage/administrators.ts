import { newId } from '../../../domain/shared/ids.ts'
import { documentTypes, type DocumentType } from '../../../domain/provider-administration/index.ts'
import { formOf, pdfFile } from '../../fixtures/files.ts'
import { completeProfile, fifteenPercent } from '../../fixtures/providers.ts'
import { setFlags } from '../candidate/environment.ts'
import { openPortalTo, type Portal, type PortalAnswer } from '../load/portal.ts'
import type { Candidate, Rig } from '../rig.ts'
import { fillProviders } from './providers.ts'

const manager = { roles: ['provider_manager'], scope: 'providers:read providers:write providers:verify' }

/** One agency with many providers, the service on it, and its administrators. */
export interface Administration {
  readonly server: Candidate
  readonly agencyId: string
  /** Last names of two hundred of its providers. */
  readonly names: readonly string[]
  readonly portal: Portal
  /** The token of one more administrator. */
  administrator(): string
  close(): Promise<void>
}

/** Limits of every kind count; that of an address is out of the way, since all administrators come from one. */
const env = { IP_LIMIT: 'all=1000000/60s,anonymous=60/60s' }

export const openAdministration = async (rig: Rig, name: string, count: number): Promise<Administration> => {
  const database = await rig.postgres.create(name)
  const agencyId = newId()
  const names = await fillProviders(database, agencyId, count)
  const directory = rig.folder(name)
  setFlags(directory, { USE_PROVIDER_ADMIN_WRITES: true })
  const server = await rig.serve(database, { directory, env })
  const portal = openPortalTo(server.port)
  return {
    server,
    agencyId,
    names,
    portal,
    administrator: () => rig.issuer.token({ sub: newId(), agencyId, patientId: newId() }, manager),
    async close() {
      portal.close()
      await server.stop()
    },
  }
}

/** A profile with everything that activation needs, and an address of its own. */
export const profileOf = (): object => ({ ...completeProfile, email: `p-${newId()}@bench.example` })

const inAYear = (): string => new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10)

/** Sends a document of a provider. */
export const sendDocument = (
  { portal }: Administration,
  token: string,
  providerId: string,
  type: DocumentType,
  content: Buffer = pdfFile({ text: type }),
): Promise<PortalAnswer> =>
  portal.call(201, 'POST', `/admin/providers/${providerId}/documents`, {
    token,
    form: formOf({ type, expirationDate: inAYear() }, { content }),
  })

export interface Onboarded {
  readonly id: string
  readonly documents: readonly { readonly id: string; readonly etag: string }[]
  /** What the service needed for all of it. */
  readonly ms: number
}

/** One provider as an administrator enters it: profile, three documents, commission; each step waits for the one before. */
export const onboard = async (on: Administration): Promise<Onboarded> => {
  const token = on.administrator()
  const begun = await on.portal.call(201, 'POST', '/admin/providers', { token, json: profileOf() })
  const { id } = begun.body
  const sent: PortalAnswer[] = []
  for (const type of documentTypes) sent.push(await sendDocument(on, token, id, type))
  const read = await on.portal.call(200, 'GET', `/admin/providers/${id}`, { token })
  const agreed = await on.portal.call(200, 'PUT', `/admin/providers/${id}/commission`, { token, json: fifteenPercent, etag: read.etag })
  const { missing = [] } = agreed.body
  if (missing.length > 0) throw new Error(`a profile lacks ${missing.join(', ')}`)
  const documents = sent.map(({ body, etag }) => ({ id: body.id, etag }))
  return { id, documents, ms: [begun, ...sent, read, agreed].reduce((sum, { ms }) => sum + ms, 0) }
}
