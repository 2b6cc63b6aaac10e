import { readFileSync } from 'node:fs'
import type { Parser } from './parse.ts'
import { factsOf, type Name } from './variables.ts'

/** One thing that is wrong with the environment. Nothing here holds a value. */
export interface ConfigProblem {
  readonly variable: string
  readonly problem: string
  readonly remedy: string
}

type Variables = Readonly<Record<string, string | undefined>>

export interface Reader {
  readonly problems: readonly ConfigProblem[]
  refuse(variable: string, problem: string, remedy: string): void
  isSet(name: Name): boolean
  /** The text of a variable that is set and matches its pattern. */
  text(name: Name): string | undefined
  /** What the parser makes of it; `undefined` where it is unset or refused. */
  read<T>(name: Name, parser: Parser<T>): T | undefined
}

const fromFile = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}

/** Reads variables against the schema and collects what is wrong, so that one start tells everything. Empty is unset. */
export const createReader = (env: Variables): Reader => {
  const problems: ConfigProblem[] = []
  const told = new Set<string>()
  const refuse = (variable: string, problem: string, remedy: string): void => {
    // The first problem of a variable is the one to repair.
    if (told.has(variable)) return
    told.add(variable)
    problems.push({ variable, problem, remedy })
  }
  const notUnderstood = (name: Name): undefined => {
    refuse(name, 'is not understood', `It must be ${factsOf(name).rule}.`)
    return undefined
  }

  const secretText = (name: Name): string | undefined => {
    const path = env[`${name}_FILE`]
    if (!path) return env[name] || undefined
    if (env[name]) {
      refuse(name, `is set twice, by itself and by ${name}_FILE`, 'Keep one of them.')
      return undefined
    }
    const content = fromFile(path)
    if (!content) refuse(`${name}_FILE`, 'names a file that cannot be read or is empty', 'Name a file that the service may read.')
    return content || undefined
  }

  const text = (name: Name): string | undefined => {
    const facts = factsOf(name)
    const found = facts.secret ? secretText(name) : env[name] || undefined
    if (found === undefined || !facts.pattern || new RegExp(facts.pattern).test(found)) return found
    return notUnderstood(name)
  }

  return {
    problems,
    refuse,
    isSet: (name) => Boolean(env[name]) || (factsOf(name).secret === true && Boolean(env[`${name}_FILE`])),
    text,
    read: (name, parser) => {
      const found = text(name)
      return found === undefined ? undefined : (parser(found) ?? notUnderstood(name))
    },
  }
}
