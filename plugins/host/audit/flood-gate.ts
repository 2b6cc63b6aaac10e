import type { Clock } from '../../../domain/shared/clock.ts'
import type { Code } from '../../../domain/shared/codes.ts'
import { newId, platformAgency } from '../../../domain/shared/ids.ts'
import type { AuditFacts } from './facts.ts'

/** One row that stands for many refusals. */
export interface Summary {
  readonly facts: AuditFacts
  readonly code: Code
}

export interface FloodGateOptions {
  readonly clock: Clock
  /** Rows of their own per source and window; 10 unless told. */
  readonly rows?: number
  /** 60 000 ms unless told. */
  readonly windowMs?: number
  /** Sources that are told apart; those beyond are counted together. 10 000 unless told. */
  readonly sources?: number
}

export interface FloodGate {
  /** True where the refusal gets a row of its own; else it was counted. A window that had ended comes out as summaries. */
  admit(source: string, facts: AuditFacts, code: Code, hurried: boolean): { readonly row: boolean; readonly ended: readonly Summary[] }
  /** The summaries of every window that has ended by the clock, or of all. */
  sweep(all?: boolean): Summary[]
  /** Refusals counted so far. */
  readonly suppressed: number
}

interface Count {
  facts: AuditFacts
  readonly code: Code
  count: number
}

interface Window {
  readonly startedAt: number
  rows: number
  readonly counts: Map<string, Count>
}

const countsPerWindow = 16

const same = <T>(left: T, right: T): T | null => (left === right ? left : null)

/** What all counted refusals have in common; where they differ, nothing is claimed. */
const common = (left: AuditFacts, right: AuditFacts): AuditFacts => ({
  ...left,
  agencyId: same(left.agencyId, right.agencyId) ?? platformAgency,
  action: same(left.action, right.action) ?? 'several',
  userId: same(left.userId, right.userId),
  role: same(left.role, right.role),
  ip: same(left.ip, right.ip),
  agent: left.agent?.agentId === right.agent?.agentId ? left.agent : null,
})

const summaryOf = ({ facts, code, count }: Count, startedAt: number, endedAt: number): Summary => ({
  code,
  facts: {
    ...facts,
    id: newId(endedAt),
    at: endedAt,
    patientId: null,
    entityType: null,
    entityId: null,
    requestId: null,
    idempotencyKey: null,
    bypass: false,
    payload: { counted: count, from: new Date(startedAt).toISOString(), to: new Date(endedAt).toISOString() },
    before: undefined,
    after: undefined,
    count,
  },
})

/**
 * Lets the first refusals of a source have rows of their own and counts the rest, so that a flood costs memory and disk by sources
 * and minutes, not by requests.
 * @see design, Audit and logs: a flood must not stall the service
 */
export const createFloodGate = (options: FloodGateOptions): FloodGate => {
  const { clock, rows = 10, windowMs = 60_000, sources = 10_000 } = options
  const windows = new Map<string, Window>()
  const shared = '\0several sources'
  let suppressed = 0

  const windowOf = (source: string, now: number): Window => {
    const known = windows.get(source)
    if (known) return known
    const started: Window = { startedAt: now, rows: 0, counts: new Map() }
    windows.set(source, started)
    return started
  }

  const end = (source: string, window: Window, now: number): Summary[] => {
    windows.delete(source)
    const endedAt = Math.min(now, window.startedAt + windowMs)
    return [...window.counts.values()].map((count) => summaryOf(count, window.startedAt, endedAt))
  }

  const hasEnded = (window: Window, now: number): boolean => now - window.startedAt >= windowMs || now < window.startedAt

  const countOf = (window: Window, facts: AuditFacts, code: Code): Count | undefined => {
    const own = window.counts.get(`${facts.agencyId} ${code}`)
    if (own || window.counts.size < countsPerWindow) return own
    const counts = [...window.counts.values()]
    return counts.find((known) => known.code === code) ?? counts[0]
  }

  const count = (window: Window, facts: AuditFacts, code: Code): void => {
    suppressed += 1
    const known = countOf(window, facts, code)
    if (!known) return void window.counts.set(`${facts.agencyId} ${code}`, { facts, code, count: 1 })
    known.facts = common(known.facts, facts)
    known.count += 1
  }

  return {
    admit(source, facts, code, hurried) {
      const now = clock.now()
      const name = windows.has(source) || windows.size < sources ? source : shared
      const old = windows.get(name)
      const ended = old && hasEnded(old, now) ? end(name, old, now) : []
      const window = windowOf(name, now)
      if (!hurried && name !== shared && window.rows < rows) {
        window.rows += 1
        return { row: true, ended }
      }
      count(window, facts, code)
      return { row: false, ended }
    },
    sweep(all = false) {
      const now = clock.now()
      const ended: Summary[] = []
      for (const [source, window] of windows) if (all || hasEnded(window, now)) ended.push(...end(source, window, now))
      return ended
    },
    get suppressed() {
      return suppressed
    },
  }
}
