import { loadConfig } from '../../config/env.ts'
import { prepareDatabase } from '../prepare-database.ts'

const { database } = loadConfig()
if (database.kind === 'embedded') {
  process.stdout.write('The embedded database is prepared at every start; there is nothing to do.\n')
} else if (database.migrationUrl === null) {
  process.stderr.write('DATABASE_MIGRATION_URL is missing: the address of the database as its owner.\n')
  process.exitCode = 1
} else {
  const applied = await prepareDatabase(database.migrationUrl)
  process.stdout.write(`${applied.length === 0 ? 'Up to date.' : `Applied: ${applied.join(', ')}.`} The compiled gates are in place.\n`)
}
