import type { AppConfig, Keys } from '../config/env.ts'
import type { Clock } from '../domain/shared/clock.ts'
import type { DevIssuer } from './dev/issuer.ts'

/** Where the service finds its database, keys and issuer: its own in development, yours in production. */
export interface Surroundings {
  readonly keys: Keys
  readonly logins: { readonly appUrl: string; readonly ownerUrl: string | null; readonly bypassUrl: string | null }
  readonly issuer: string
  /** The development issuer in the process; null where a real one is configured. */
  readonly devIssuer: DevIssuer | null
  close(): Promise<void>
}

// What only development needs is loaded only there.
const developmentLogins = async (directory: string, dataDir: string, clock: Clock, onLaunched: () => void) => {
  const { startDevelopmentDatabase } = await import('./dev/development-database.ts')
  const isWhole = async (ownerUrl: string): Promise<boolean> => (await import('./prepare-database.ts')).isPrepared(ownerUrl)
  const database = await startDevelopmentDatabase(directory, { onLaunched, isWhole })
  try {
    if (!database.whole) await (await import('./prepare-database.ts')).prepareDatabase(database.ownerUrl)
    const { addDemo } = await import('./add-demo.ts')
    await addDemo(database.ownerUrl, dataDir, clock)
    return database
  } catch (error) {
    await database.stop()
    throw error
  }
}

const developmentKeys = async (config: AppConfig): Promise<Keys> => {
  const { completeKeys } = await import('./dev/generated-secrets.ts')
  return completeKeys(config.keys)
}

const developmentIssuer = async (config: AppConfig, clock: Clock): Promise<DevIssuer> => {
  const { startDevIssuer } = await import('./dev/issuer.ts')
  return startDevIssuer({ dataDir: config.dataDir, audience: config.identity.audience, clock })
}

type Embedded = Awaited<ReturnType<typeof developmentLogins>>

/** Waits for both; where one could not be opened, the other is closed again. */
const bothOrNeither = async (
  embedding: Promise<Embedded> | null,
  issuing: Promise<DevIssuer> | null,
): Promise<[Embedded | null, DevIssuer | null]> => {
  const [embedded, issuer] = await Promise.allSettled([embedding, issuing])
  if (embedded.status === 'fulfilled' && issuer.status === 'fulfilled') return [embedded.value, issuer.value]
  if (issuer.status === 'fulfilled') await issuer.value?.close()
  if (embedded.status === 'fulfilled') await embedded.value?.stop()
  throw embedded.status === 'rejected' ? embedded.reason : (issuer as PromiseRejectedResult).reason
}

/**
 * Opens the surroundings. An embedded database is prepared here; a configured one is prepared by `npm run migrate`.
 *
 * @param onLaunched told when what takes its time elsewhere is under way, so that this process can use the time
 */
export const openSurroundings = async (config: AppConfig, clock: Clock, onLaunched: () => void = () => {}): Promise<Surroundings> => {
  const keys = await developmentKeys(config)
  const launched = Promise.withResolvers<void>()
  void launched.promise.then(onLaunched)
  const embedding =
    config.database.kind === 'embedded'
      ? developmentLogins(config.database.directory, config.dataDir, clock, launched.resolve).finally(launched.resolve)
      : null
  if (!embedding) launched.resolve()
  const issuing = config.identity.issuer === null ? launched.promise.then(() => developmentIssuer(config, clock)) : null
  const [embedded, devIssuer] = await bothOrNeither(embedding, issuing)
  const server = config.database.kind === 'server' ? config.database : null
  return {
    keys,
    logins: embedded ?? { appUrl: server!.url, ownerUrl: server!.migrationUrl, bypassUrl: server!.bypassUrl },
    issuer: devIssuer?.issuer ?? config.identity.issuer!,
    devIssuer,
    async close() {
      await devIssuer?.close()
      await embedded?.stop()
    },
  }
}
