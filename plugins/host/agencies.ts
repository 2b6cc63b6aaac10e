import pg from 'pg'
import { newId } from '../../domain/shared/ids.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import { readAs } from './database/read-as.ts'
import { roleNames } from './database/roles.ts'
import { auditInput } from './audit/index.ts'

/** An agency as the owner writes it. */
export interface Agency {
  readonly id: string
  readonly name: string
  readonly modules: readonly string[]
}

type Known = Pick<Agency, 'name' | 'modules'>

/** An agency, read under its own context; null where there is no such agency. */
const readAgency = async (pool: pg.Pool, agencyId: string): Promise<Known | null> => {
  const settings = { role: roleNames.read, 'app.current_agency': agencyId }
  const [known] = await readAs<Known>(pool, settings, 'select name, modules from host_agency where id = $1', [agencyId])
  return known ?? null
}

/** The modules that an agency has on; none where there is no such agency. */
export const createAgencyModules =
  (pool: pg.Pool) =>
  async (agencyId: string): Promise<readonly string[]> =>
    (await readAgency(pool, agencyId))?.modules ?? []

/** The name and modules of an agency, or null where nobody added it. @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say */
export const createAgencyReader =
  (pool: pg.Pool) =>
  async (agencyId: string): Promise<Known | null> => {
    try {
      return await readAgency(pool, agencyId)
    } catch (cause) {
      throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })
    }
  }

/** Most agencies that are remembered; beyond that the memory starts anew. */
const rememberedAgencies = 10_000

/**
 * Whether an agency was added. Agencies are never removed, so a yes is remembered and answered without a promise.
 * @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say
 */
export const createAgencyLookup = (pool: pg.Pool): ((agencyId: string) => boolean | Promise<boolean>) => {
  const known = new Set<string>()
  const read = createAgencyReader(pool)
  const ask = async (agencyId: string): Promise<boolean> => {
    if ((await read(agencyId)) === null) return false
    if (known.size >= rememberedAgencies) known.clear()
    known.add(agencyId)
    return true
  }
  return (agencyId) => known.has(agencyId) || ask(agencyId)
}

/** Owner-run commands write on a lane that no instance leases. */
export const ownerLane = 0

const auditCall = `select * from audit_append($1, 'success', null, ${auditInput.map((_, at) => `$${at + 2}`).join(', ')})`

/** Appends what the owner did to an agency, in the transaction that did it. */
export const auditAsOwner = (
  client: pg.Client,
  agencyId: string,
  action: string,
  more: { readonly id?: string; readonly entity_type?: string; readonly count?: number } = {},
): Promise<unknown> => {
  const known: Readonly<Record<string, unknown>> = {
    id: newId(), agency_id: agencyId, at: new Date(), action, role: 'owner', entity_type: 'agency', entity_id: agencyId, bypass: false, ...more,
  } // prettier-ignore
  return client.query(auditCall, [ownerLane, ...auditInput.map(({ name }) => known[name] ?? null)])
}

/** Works as the owner, on a connection of its own. */
export const withOwner = async <T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
    application_name: 'postern owner',
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Works as the owner in one agency, in one transaction. */
export const inAgency = <T>(ownerUrl: string, agencyId: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withOwner(ownerUrl, async (client) => {
    await client.query('begin')
    await client.query("select set_config('app.current_agency', $1, true)", [agencyId])
    const result = await work(client)
    await client.query('commit')
    return result
  })

/** Adds an agency as the owner, with its audit row in the same transaction. @returns false where it exists already */
export const addAgency = (ownerUrl: string, { id, name, modules }: Agency): Promise<boolean> =>
  inAgency(ownerUrl, id, async (client) => {
    const { rowCount } = await client.query('insert into host_agency (id, name, modules) values ($1, $2, $3) on conflict (id) do nothing', [
      id,
      name,
      [...modules],
    ])
    if (rowCount === 0) return false
    await auditAsOwner(client, id, 'agency.add')
    return true
  })

/** Sets an agency's modules as the owner, audited. @returns false where there is no such agency */
export const setModules = (ownerUrl: string, id: string, modules: readonly string[]): Promise<boolean> =>
  inAgency(ownerUrl, id, async (client) => {
    const { rowCount } = await client.query('update host_agency set modules = $2 where id = $1', [id, [...modules]])
    if (rowCount === 0) return false
    await auditAsOwner(client, id, 'agency.modules')
    return true
  })
