import type pg from 'pg'
import { Refusal } from '../../domain/shared/refusal.ts'
import { readAs } from './database/read-as.ts'
import { roleNames } from './database/roles.ts'

/** What is booked with a provider from a moment on. */
export interface UpcomingBookings {
  /** False: this agency's bookings are kept elsewhere, or were never imported; count and ids say nothing then. */
  readonly known: boolean
  readonly count: number
  /** The next 1000 at most. */
  readonly ids: readonly string[]
}

/** Asks for bookings, which are another context's; nothing here can change one. @see design, section 9, 2 */
export interface BookingsPort {
  /** @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say */
  upcoming(asked: { readonly agencyId: string; readonly providerId: string; readonly at: Date }): Promise<UpcomingBookings>
}

export interface BookingsOptions {
  readonly pool: pg.Pool
  /** Does a context provide `upcoming-bookings`? */
  readonly provided: boolean
  /** Is the agency's calendar kept by a server of its own? */
  readonly isElsewhere: (agencyId: string) => boolean
}

const unknown: UpcomingBookings = Object.freeze({ known: false, count: 0, ids: Object.freeze([]) })

const ask = 'select known, total::int as count, ids from upcoming_bookings($1, $2, $3)'

export const createBookings = ({ pool, provided, isElsewhere }: BookingsOptions): BookingsPort => ({
  async upcoming({ agencyId, providerId, at }) {
    if (!provided || isElsewhere(agencyId)) return unknown
    try {
      const settings = { role: roleNames.read, 'app.current_agency': agencyId, 'app.current_patient': '' }
      const [row] = await readAs<UpcomingBookings>(pool, settings, ask, [agencyId, providerId, at])
      return row?.known ? row : unknown
    } catch (cause) {
      throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })
    }
  },
})
