import { loadConfig } from '../../config/env.ts'
import { prepareDatabase } from '../prepare-database.ts'
import { runCommand } from './command.ts'
import { openOwner } from './owner.ts'

await runCommand(async () => {
  const owner = await openOwner(loadConfig())
  try {
    const applied = await prepareDatabase(owner.url)
    process.stdout.write(`${applied.length === 0 ? 'Up to date.' : `Applied: ${applied.join(', ')}.`} The compiled gates are in place.\n`)
  } finally {
    await owner.close()
  }
  return 0
})
