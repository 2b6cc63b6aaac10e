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
const developmentLogins = async (directory: string, dataDir: string, clock: Clock) => {
  const { startDevelopmentDatabase, seedDemo } = await import('./dev/development-database.ts')
  const { writeDemoFiles } = await import('./dev/demo-files.ts')
  const { prepareDatabase } = await import('./prepare-database.ts')
  const { importAppointmentsOnce } = await import('./import-appointments.ts')
  const database = await startDevelopmentDatabase(directory)
  try {
    await prepareDatabase(database.ownerUrl)
    await seedDemo(database.ownerUrl)
    const files = writeDemoFiles(dataDir, clock.now())
    for (const file of files) await importAppointmentsOnce({ ...file, ownerUrl: database.ownerUrl, now: new Date(clock.now()) })
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

/** Opens the surroundings. An embedded database is prepared here; a configured one is prepared by `npm run migrate`. */
export const openSurroundings = async (config: AppConfig, clock: Clock): Promise<Surroundings> => {
  const keys = await developmentKeys(config)
  const devIssuer = config.identity.issuer === null ? await developmentIssuer(config, clock) : null
  try {
    const embedded = config.database.kind === 'embedded' ? await developmentLogins(config.database.directory, config.dataDir, clock) : null
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
  } catch (error) {
    await devIssuer?.close()
    throw error
  }
}
