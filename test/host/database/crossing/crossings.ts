import type pg from 'pg'
import type { Attempt, Outcome } from './attempts.ts'
import { calls, callsOfNobody, echoes, openDoors, readRoutines } from './try-functions.ts'
import { keyProbes, tellsOf } from './try-keys.ts'
import { powers } from './try-powers.ts'
import { rowTrials, type Stage } from './try-rows.ts'

export interface Sides {
  /** Runs attempts as the runtime login; with `keep`, what they did stays in the transaction. */
  try(attempts: readonly Attempt[], keep?: boolean): Promise<Outcome[]>
  /** Sees all of the catalogue. */
  readonly superuser: pg.Client
}

type Verdict = (outcome: Outcome) => string | null

const sayings = (attempts: readonly Attempt[], outcomes: readonly Outcome[], wrongOf: (index: number) => Verdict): string[] =>
  attempts.flatMap(({ role, what }, index) => {
    const sentence = wrongOf(index)(outcomes[index]!)
    return sentence ? [`${role ?? 'the login'} ${what}: ${sentence}`] : []
  })

/** Every statement on every table and view by every role. */
export const rowCrossings = async (sides: Sides, stage: Stage): Promise<string[]> => {
  const trials = rowTrials(stage)
  const attempts = trials.map(({ attempt }) => attempt)
  return sayings(attempts, await sides.try(attempts), (index) => trials[index]!.wrong)
}

/** Foreign keys and unique indexes that tell another agency's rows from nobody's. */
export const keyCrossings = async (sides: Sides, stage: Stage): Promise<string[]> => {
  const probes = keyProbes(stage)
  const outcomes = await sides.try(probes.flatMap(({ theirs, nobodys }) => [theirs, nobodys]))
  return probes.flatMap((probe, index) => tellsOf(probe, outcomes[2 * index]!, outcomes[2 * index + 1]!))
}

/** Functions, called with everything that another agency has. */
export const functionCrossings = async (sides: Sides): Promise<string[]> => {
  const routines = await readRoutines(sides.superuser)
  const inside = calls(routines)
  const outcomes = await sides.try(inside, true)
  // Whatever shows something is called again with what nobody has: some only give back what they are given.
  const shown = inside.filter((_, index) => outcomes[index]!.foreign)
  const repeats = shown.flatMap(({ what, role }) =>
    echoes(
      routines.filter(({ signature }) => signature === what),
      role!,
    ),
  )
  const echoed = await sides.try(repeats)
  const guilty = shown.filter((_, index) => !echoed[index]!.foreign)
  const outside = callsOfNobody(routines)
  const shows = (): Verdict => (outcome) => (outcome.foreign ? 'showed what another agency has' : null)
  return [
    ...openDoors(routines),
    ...guilty.map(({ role, what }) => `${role} ${what}: showed what another agency has`),
    ...sayings(outside, await sides.try(outside), shows),
  ]
}

/** Roles, sequences and the rest that no session may have. */
export const powerCrossings = async (sides: Sides): Promise<string[]> => {
  const attempts = await powers(sides.superuser)
  const refused: Verdict = ({ code }) => (code === '42501' ? null : `was answered with ${code ?? 'success'}`)
  return sayings(attempts, await sides.try(attempts), () => refused)
}
