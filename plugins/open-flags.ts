import type { AppConfig } from '../config/env.ts'
import type { Clock } from '../domain/shared/clock.ts'
import { createFlags, type Flags } from './host/flags/flags.ts'
import type { Log } from './host/log.ts'

/** Opens the switches from the source that the configuration names: a watched file, or Unleash. */
export const openFlags = (config: AppConfig, clock: Clock, log: Log): Promise<Flags> => {
  const common = { clock, log: ({ event, ...facts }: { event: string }) => log.event(event, facts) }
  return config.flags.kind === 'file'
    ? createFlags({ ...common, file: config.flags.path })
    : createFlags({ ...common, unleash: { url: config.flags.url, token: config.flags.apiToken, appName: 'postern' } })
}
