import type { AppConfig } from './env/app-config.ts'
import { nearMisses } from './env/near-miss.ts'
import { refuseDevelopmentDefaults } from './env/production.ts'
import { type ConfigProblem, createReader } from './env/reader.ts'
import { shape } from './env/shape.ts'

export type * from './env/app-config.ts'
export type { ConfigProblem } from './env/reader.ts'

/** Everything that is wrong with the environment, by variable. Never holds a value. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, problem, remedy }) => `  ${variable} ${problem}. ${remedy}`)
    super(`The environment cannot be used:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

const inspect = Symbol.for('nodejs.util.inspect.custom')

/** Freezes to the last leaf and, where told, keeps secrets out of whatever prints or serialises the configuration by mistake. */
const seal = <T extends object>(value: T, hide: boolean): T => {
  if (ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) seal(inner, hide)
  if (hide && !Array.isArray(value)) {
    const hidden = { value: () => '[configuration]', enumerable: false }
    Object.defineProperties(value, { toJSON: hidden, [inspect]: hidden })
  }
  return Object.freeze(value)
}

/**
 * Reads the environment once, at the start of a process.
 * @throws ConfigError with every problem, where a value is unsafe, not understood or meant for a name that does not exist
 * @see design, section 10
 */
export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): AppConfig => {
  const reader = createReader(env)
  for (const { name, meant } of nearMisses(env)) {
    const remedy = meant ? `Did you mean ${meant}?` : 'Look into .env.example for the name that was meant.'
    reader.refuse(name, 'is not a variable of this service', remedy)
  }
  const config = shape(reader)
  if (reader.text('NODE_ENV') === 'production') {
    refuseDevelopmentDefaults(reader)
    // Node obeys it for every connection, whatever their addresses say.
    const believing = 'NODE_TLS_REJECT_UNAUTHORIZED'
    if (env[believing] === '0')
      reader.refuse(believing, 'lets every certificate pass', 'Name your authority in NODE_EXTRA_CA_CERTS instead.')
  }
  if (reader.problems.length > 0) throw new ConfigError([...reader.problems])
  // Limits are no secret: they stand in headers and in the documentation.
  seal(config.limits, false)
  return seal(config, true)
}
