import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { systemClock } from '../../domain/shared/clock.ts'
import { newId } from '../../domain/shared/ids.ts'
import { extendMonths, retirableMonths } from '../host/audit/months.ts'
import { retireMonth } from '../host/audit/retire.ts'
import { createSigner } from '../host/crypto/index.ts'
import { openAuditSurroundings } from './audit-surroundings.ts'
import { runCommand } from './command.ts'

const usage = `npm run audit:retire -- --out DIRECTORY [--month YYYY-MM] [--key BASE64]...
Exports and detaches a month that is older than seven years; without --month every such month. Adds the months to come.
`

await runCommand(async () => {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, month: { type: 'string' }, key: { type: 'string', multiple: true, default: [] } },
  })
  const directory = values.out
  if (directory === undefined || !statSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--out is a directory that exists.\n${usage}`)
  const { ownerUrl, keys, publicKeys, checkpoints, close } = await openAuditSurroundings(`retire-${newId()}`)
  const signer = createSigner(keys.auditSigning)
  const common = {
    ownerUrl,
    directory,
    keys: keys.audit,
    signer,
    publicKeys: [...publicKeys, ...values.key],
    checkpoints,
    clock: systemClock,
  }
  try {
    const months = values.month === undefined ? await retirableMonths(ownerUrl, systemClock) : [values.month]
    for (const month of months) {
      const { rows, file, sha256, detached } = await retireMonth({ ...common, month })
      process.stdout.write(`Retired ${month}: ${rows} rows in ${file} (SHA-256 ${sha256}). Detached: ${detached.join(', ')}.\n`)
    }
    const made = await extendMonths(ownerUrl, systemClock)
    process.stdout.write(
      `${months.length === 0 ? 'No month is older than seven years. ' : ''}${made === 0 ? 'The months to come are there.' : `Added ${made} months.`}\n`,
    )
    return 0
  } finally {
    await close()
  }
})
