import type { AppConfig } from '../../config/env.ts'
import { startDevelopmentDatabase } from '../dev/development-database.ts'

/** The database as its owner. */
export interface Owner {
  readonly url: string
  close(): Promise<void>
}

/**
 * The owner's address as configured, or of the embedded database, which is attached to or started.
 * @throws Error with a sentence where a configured database comes without DATABASE_MIGRATION_URL
 */
export const openOwner = async ({ database }: AppConfig): Promise<Owner> => {
  if (database.kind === 'embedded') {
    const { ownerUrl, server, stop } = await startDevelopmentDatabase(database.directory)
    return { url: ownerUrl, close: async () => (server.attached ? undefined : stop()) }
  }
  if (database.migrationUrl === null) throw new Error('DATABASE_MIGRATION_URL is missing: the address of the database as its owner.')
  return { url: database.migrationUrl, close: async () => undefined }
}
