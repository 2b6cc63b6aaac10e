import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Host } from '../host.ts'
import type { RequestCall } from '../request-call.ts'
import type { Gate } from './gate.ts'

/** Is the operation's switch on for this caller, in the agency where the call works? */
export const isSwitchedOn = (host: Host, call: RequestCall): boolean => {
  const { killSwitch } = call.operation
  if (!killSwitch) return true
  const { principal } = call
  const use = call.operation.effect === 'read' ? 'read' : 'write'
  return host.flags.isOn(killSwitch, { userId: principal?.userId ?? '', agencyId: call.agencyId, roles: principal?.roles ?? [] }, use)
}

/**
 * The operation's kill switch. It is asked again right before a write commits: by this process where it commits itself, and for a compiled
 * write by the database, which compares the number of moves that it has counted (`count-moves.ts`). What was sent before may then commit
 * only within the one trip in which the database learns of a move.
 */
export const killSwitch: Gate = {
  name: 'switch',
  stage: 'admission',
  bind: (operation, host) => {
    if (!operation.killSwitch) return null
    return (call) => {
      if (!isSwitchedOn(host, call)) throw new Refusal('UPSTREAM_UNAVAILABLE', 'disabled')
    }
  },
}
