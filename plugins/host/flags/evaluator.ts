import { EventEmitter } from 'node:events'
import type { UnleashConfig } from 'unleash-client'
import client from 'unleash-client/lib/client.js'
import strategies from 'unleash-client/lib/strategy/index.js'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { FlagContext } from '../ports.ts'
import type { Feature, Strategy } from './feature.ts'
import type { Reading } from './reading.ts'

type Repository = NonNullable<UnleashConfig['repository']>

/** What a feature is for everyone: on, off, or `null` where its strategies decide for each caller. */
export type Constant = boolean | null

export interface Evaluator {
  /** Puts a new reading in the place of the last one. */
  obey(reading: Reading): void
  feature(name: string): Feature | undefined
  constant(feature: Feature): Constant
  /** Asks unleash-client with the caller's context. Off where the strategies cannot be evaluated. */
  ask(name: string, context: FlagContext): boolean
  /** Everything that the answer depends on, as text: two features with the same text answer alike. */
  fingerprint(feature: Feature): string
  close(): void
}

const isForEveryone = ({ name, parameters, constraints, segments }: Strategy): boolean => {
  if (constraints.length > 0 || (segments ?? []).length > 0) return false
  const { rollout, stickiness } = parameters
  const anyone = stickiness === undefined || stickiness === '' || stickiness === 'default' || stickiness === 'random'
  return name === 'default' || (name === 'flexibleRollout' && Number(rollout) === 100 && anyone)
}

/** True, false, or `null` where the caller's context, or another feature, must be asked. */
const constantOf = ({ enabled, strategies = [], dependencies = [] }: Feature): Constant => {
  if (!enabled) return false
  if (dependencies.length > 0) return null
  return strategies.length === 0 || strategies.some(isForEveryone) ? true : null
}

/**
 * The fields on which a strategy may constrain. `roles` has each role in brackets, so that `STR_CONTAINS [provider]` does not
 * also mean `provider_manager`.
 */
const unleashContext = ({ userId, agencyId, roles }: FlagContext, now: number) => ({
  userId,
  currentTime: new Date(now),
  properties: { agencyId, role: roles[0] ?? '', roles: roles.map((role) => `[${role}]`).join('') },
})

const repositoryOf = (reading: () => Reading): Repository =>
  Object.assign(new EventEmitter(), {
    getToggle: (name: string) => reading().features.get(name),
    getToggles: () => [...reading().features.values()],
    // For listing definitions with their segments inlined, which nobody asks of this client.
    getTogglesWithSegmentData: () => [],
    getSegment: (id: number) => reading().segments.get(id),
    async start(this: EventEmitter) {
      this.emit('ready')
    },
    stop() {},
  })

/** The fields of every question, as unleash-client would add them by itself. */
const everyone = { appName: 'postern', environment: 'default' }

/**
 * Evaluates flags with the evaluating part of unleash-client over a repository in memory, whichever source filled it. Its other parts,
 * which speak to servers, keep backups and count, are not even loaded: they would take a tenth of a start.
 */
export const createEvaluator = (options: { readonly clock: Clock; readonly onFailure: () => void }): Evaluator => {
  let current: Reading = { features: new Map(), segments: new Map() }
  const unleash = new client.default(
    repositoryOf(() => current),
    strategies.defaultStrategies,
  )
  unleash.on('error', options.onFailure)
  unleash.on('warn', options.onFailure)

  const segmentsOf = (feature: Feature) =>
    (feature.strategies ?? []).flatMap(({ segments = [] }) => segments.map((id) => current.segments.get(id) ?? id))
  const parentsOf = (feature: Feature) => (feature.dependencies ?? []).map(({ feature: name }) => current.features.get(name) ?? name)
  return {
    obey: (reading) => {
      current = reading
    },
    feature: (name) => current.features.get(name),
    constant: constantOf,
    ask: (name, context) => {
      try {
        return unleash.isEnabled(name, { ...everyone, ...unleashContext(context, options.clock.now()) }, () => false)
      } catch {
        options.onFailure()
        return false
      }
    },
    fingerprint: (feature) =>
      JSON.stringify([
        feature,
        segmentsOf(feature),
        parentsOf(feature).map((parent) => [parent, typeof parent === 'string' ? [] : segmentsOf(parent)]),
      ]),
    close: () => void unleash.removeAllListeners(),
  }
}
