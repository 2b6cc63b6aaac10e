import type { AnyOperation } from '../../routes/shared/operation.ts'
import type { Agency } from './agencies.ts'
import type { Flags } from './flags/flags.ts'
import { mayAccess } from './identity/check-access.ts'
import type { CallerFactsPort } from './ports.ts'
import type { Principal } from './principal.ts'

export interface CallerFactsOptions {
  readonly agency: (agencyId: string) => Promise<Pick<Agency, 'name' | 'modules'> | null>
  readonly flags: Pick<Flags, 'snapshot'>
  /** Everything that is served; asked when a caller is, since contexts load one after the other. */
  readonly operations: () => readonly AnyOperation[]
}

interface Open {
  readonly operations: ReadonlySet<string>
  readonly switches: ReadonlySet<string>
}

const openTo = (principal: Principal, operations: readonly AnyOperation[]): Open => {
  const open = operations.filter((operation) => operation.audience.includes('public') || mayAccess(operation, principal))
  return {
    operations: new Set(open.map(({ method, path }) => `${method} ${path}`)),
    switches: new Set(open.flatMap(({ killSwitch }) => killSwitch ?? [])),
  }
}

/** Facts of a caller from the declarations, the switches and the agency. What a token opens is worked out once. */
export const createCallerFacts = ({ agency, flags, operations }: CallerFactsOptions): CallerFactsPort => {
  const known = new WeakMap<Principal, Open>()
  const openOf = (principal: Principal): Open => {
    const open = known.get(principal) ?? openTo(principal, operations())
    known.set(principal, open)
    return open
  }
  return {
    async of({ principal, agencyId }) {
      const open = openOf(principal)
      const found = await agency(agencyId)
      const all = flags.snapshot({ userId: principal.userId, agencyId, roles: principal.roles })
      return {
        agency: { id: agencyId, name: found?.name ?? null, modules: found?.modules ?? [] },
        flags: Object.fromEntries(Object.entries(all).filter(([name]) => open.switches.has(name))),
        open: open.operations,
      }
    },
  }
}
