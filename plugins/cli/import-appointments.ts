import { parseArgs } from 'node:util'
import { loadConfig } from '../../config/env.ts'
import { isUuid } from '../../domain/shared/ids.ts'
import { importAppointments, type Imported } from '../import-appointments.ts'
import { runCommand } from './command.ts'
import { openOwner } from './owner.ts'

const usage = 'npm run import:appointments -- FILE [--agency ID]   (a FHIR R4 bundle, or NDJSON)'
/** How many skipped ones are named; the rest is counted. */
const mostNamed = 100

const read = (): { readonly path: string; readonly agencyId: string | undefined } => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { agency: { type: 'string' } } })
  const [path, ...others] = positionals
  if (path === undefined || others.length > 0) throw new Error(`Say which file.\n${usage}`)
  if (values.agency !== undefined && !isUuid(values.agency)) throw new Error(`--agency is a UUID in lower case.\n${usage}`)
  return { path, agencyId: values.agency }
}

const said = ({ agencyId, asOf, added, changed, unchanged, skipped, different }: Imported): string => {
  const counts = `${added} new, ${changed} changed, ${unchanged} unchanged, ${skipped} skipped`
  return `${agencyId} as of ${asOf.toISOString()}: ${counts}.${different ? '' : ' Nothing was changed.'}\n`
}

await runCommand(async () => {
  const { path, agencyId } = read()
  const owner = await openOwner(loadConfig())
  let skipped = 0
  const onSkipped = (place: string, rule: string): void => {
    skipped += 1
    if (skipped <= mostNamed) process.stderr.write(`Skipped ${place}: ${rule}.\n`)
  }
  try {
    const imported = await importAppointments({ ownerUrl: owner.url, path, agencyId, now: new Date(), onSkipped })
    if (skipped > mostNamed) process.stderr.write(`And ${skipped - mostNamed} more.\n`)
    process.stdout.write(said(imported))
  } finally {
    await owner.close()
  }
  return 0
})
