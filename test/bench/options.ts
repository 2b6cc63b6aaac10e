import { resolve } from 'node:path'

/** What `npm run bench` was asked for. */
export interface BenchOptions {
  /** One JSON object on standard output and nothing else. */
  readonly json: boolean
  /** Larger data, more rounds, and what needs Unleash. */
  readonly full: boolean
  /** Rows whose group or name contains it; null: all. */
  readonly only: string | null
  /** Length of one round. */
  readonly seconds: number
  readonly rounds: number
  /** Absolute; where CPU profiles of the service go. Null: it is not profiled. */
  readonly profile: string | null
}

export const usage = `npm run bench -- [--json] [--full] [--only <part of a name>] [--seconds <1 to 30>] [--rounds <1 to 9>] [--profile <directory>]`

const number = (text: string | undefined, name: string, least: number, most: number): number => {
  const value = Number(text)
  if (!(value >= least && value <= most)) throw new Error(`${name} takes a number from ${least} to ${most}.\n${usage}`)
  return value
}

const text = (given: string | undefined, name: string): string => {
  if (!given || given.startsWith('--')) throw new Error(`${name} takes a value.\n${usage}`)
  return given
}

/** @throws Error with a sentence, on whatever it does not know */
export const readOptions = (args: readonly string[]): BenchOptions => {
  const options = { json: false, full: false, only: null as string | null, seconds: 4, rounds: 3, profile: null as string | null }
  for (let at = 0; at < args.length; at += 1) {
    const name = args[at]!
    if (name === '--json') options.json = true
    else if (name === '--full') options.full = true
    else if (name === '--only') options.only = text(args[++at], name).toLowerCase()
    else if (name === '--seconds') options.seconds = number(args[++at], name, 0.5, 30)
    else if (name === '--rounds') options.rounds = number(args[++at], name, 1, 9)
    else if (name === '--profile') options.profile = resolve(text(args[++at], name))
    else throw new Error(`${name} is not known.\n${usage}`)
  }
  return options
}
