import type { Pool } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId, platformAgency } from '../../../domain/shared/ids.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import { createTicketCipher, type KeySet } from '../crypto/index.ts'
import { refusalOfDatabase } from '../database/failure.ts'
import { unauthorized } from '../identity/unauthorized.ts'
import type { AgencyScope, Principal } from '../principal.ts'
import type { Call } from '../service.ts'

/** How long a ticket opens its record, in milliseconds. */
export const ticketLifetimeMs = 60_000

/** A longer one was not made here. */
const longestTicket = 4_096

/** What a caller is handed: an address that opens one record, once, as that caller. */
export interface Ticket {
  readonly url: string
  readonly expiresAt: Date
}

/** Hands out addresses that open without a bearer token, for a viewer that cannot send one. */
export interface TicketsPort {
  /**
   * An address of `operation` (one that declares `ticket`) for these path parameters, in the name of the caller of `call`. It holds for
   * 60 s, for one use, and passes every other gate of its operation.
   */
  issue(call: Call, operation: AnyOperation, params: Readonly<Record<string, string>>): Ticket
}

/** Who a good ticket stands for. */
export interface TicketHolder {
  readonly principal: Principal
  readonly scope: AgencyScope
}

export interface Tickets extends TicketsPort {
  /** @throws Refusal UNAUTHORIZED where it is none of ours, for something else, expired or used; UPSTREAM_UNAVAILABLE */
  redeem(ticket: unknown, operation: AnyOperation, params: unknown): Promise<TicketHolder>
}

interface Content {
  readonly id: string
  readonly expiresAt: number
  readonly scope: AgencyScope
  readonly scopes: readonly string[]
  readonly principal: Omit<Principal, 'scopes'>
}

interface TicketsOptions {
  readonly pool: Pick<Pool, 'query'>
  readonly keys: KeySet
  readonly clock: Clock
  /** In front of the path, where the service knows its own address. */
  readonly publicUrl: string | null
}

const pathOf = (operation: AnyOperation, params: Readonly<Record<string, unknown>>): string =>
  `/api${operation.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])))}`

const useSql = 'select host_use_ticket($1, $2, $3, $4) as first'

/** Tickets are sealed, so that they say nothing to who finds one, for one operation and path, so that they open nothing else. */
export const createTickets = ({ pool, keys, clock, publicUrl }: TicketsOptions): Tickets => {
  const cipher = createTicketCipher(keys)
  const placeOf = (operation: AnyOperation, params: Readonly<Record<string, unknown>>) => ({
    agencyId: platformAgency,
    operation: operation.name,
    path: pathOf(operation, params),
  })

  const open = (ticket: string, operation: AnyOperation, params: unknown): Content => {
    try {
      return JSON.parse(cipher.open(Buffer.from(ticket, 'base64url'), placeOf(operation, params as Record<string, unknown>))) as Content
    } catch {
      throw unauthorized('ticket')
    }
  }

  return {
    issue({ principal, agencyId, accessReason, now }, operation, params) {
      const expiresAt = new Date(now.getTime() + ticketLifetimeMs)
      // No more of the caller's authority than the operation asks for.
      const scopes = operation.scopes.filter((scope) => principal.scopes.has(scope))
      const scope = { agencyId, bypass: agencyId !== principal.agencyId, accessReason }
      const content: Content = { id: newId(now.getTime()), expiresAt: expiresAt.getTime(), scope, scopes, principal }
      const place = placeOf(operation, params)
      const ticket = cipher.seal(JSON.stringify(content), place).toString('base64url')
      return { url: `${publicUrl ?? ''}${place.path}?ticket=${ticket}`, expiresAt }
    },

    async redeem(ticket, operation, params) {
      if (typeof ticket !== 'string' || ticket.length > longestTicket) throw unauthorized('ticket form')
      const { id, expiresAt, scope, scopes, principal } = open(ticket, operation, params)
      const now = clock.now()
      if (now >= expiresAt) throw unauthorized('ticket expired')
      const { rows } = await pool
        .query<{ first: boolean }>({
          name: 'host_use_ticket',
          text: useSql,
          values: [scope.agencyId, id, new Date(expiresAt), new Date(now)],
        })
        .catch((error: unknown) => {
          throw refusalOfDatabase(error) ?? error
        })
      if (rows[0]?.first !== true) throw unauthorized('ticket used')
      return { principal: { ...principal, scopes: new Set(scopes) }, scope }
    },
  }
}
