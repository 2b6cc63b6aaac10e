import type { Manifest } from './define-context.ts'

/** Something that happens without a request: a job by its schedule, or what a row of the outbox becomes. */
export interface Later {
  readonly context: string
  readonly name: string
  readonly what: string
  readonly killSwitch: string
}

/** What these checks look at of all that was declared. */
interface Declared {
  readonly manifests: readonly Manifest[]
  readonly later: readonly Later[]
}

/** The contexts that may do something later. @see design, decision 3 */
const decided: readonly string[] = ['provider-administration', 'dea-cms']
const reaches: readonly string[] = ['queue', 'mail', 'identity-admin']

/** Checks on what happens without a request. */
export const laterChecks = {
  'later-where-decided': ({ manifests, later }: Declared): boolean =>
    manifests.every(({ name, capabilities }) => decided.includes(name) || !capabilities.some((one) => reaches.includes(one))) &&
    later.every(({ context }) => manifests.find(({ name }) => name === context)?.capabilities.includes('queue') === true),
} as const
