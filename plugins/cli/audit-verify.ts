import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { systemClock } from '../../domain/shared/clock.ts'
import { isUuid, newId } from '../../domain/shared/ids.ts'
import { verifyAudit } from '../host/audit/index.ts'
import { openAuditSurroundings } from './audit-surroundings.ts'
import { runCommand } from './command.ts'
import { verifyExport } from './verify-export.mjs'

const usage = `npm run audit:verify [-- --agency UUID] [--key BASE64]...   the store against its chains and signed heads, as the owner
npm run audit:verify -- --file EXPORT [--key BASE64]...     an export, offline; without --key by the key that stands in it
  --key  a raw Ed25519 public key that signed before a rotation, besides the configured ones (AUDIT_SIGNING_KEY, AUDIT_PUBLIC_KEYS)
`

const print = (result: object): void => void process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)

const verifyFile = async (path: string, keys: readonly string[]): Promise<number> => {
  const result = await verifyExport(createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity }), keys)
  print(result)
  return result.valid ? 0 : 1
}

const verifyStore = async (agencyId: string | undefined, formerKeys: readonly string[]): Promise<number> => {
  const { ownerUrl, publicKeys: configured, checkpoints, close } = await openAuditSurroundings(`verify-${newId()}`)
  try {
    const publicKeys = [...configured, ...formerKeys]
    const result = await verifyAudit({
      connectionString: ownerUrl,
      checkpoints,
      publicKeys,
      agencyId,
      clock: systemClock,
    })
    print({ ...result, heads: result.heads.length, publicKey: publicKeys[0] })
    return result.valid ? 0 : 1
  } finally {
    await close()
  }
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      agency: { type: 'string' },
      file: { type: 'string' },
      key: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (values.agency !== undefined && !isUuid(values.agency)) throw new Error(`--agency is a UUID in lower case.\n${usage}`)
  return values.file === undefined ? verifyStore(values.agency, values.key) : verifyFile(values.file, values.key)
})
