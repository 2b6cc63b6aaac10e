import { parseArgs } from 'node:util'
import { agencyModules } from '../../config/permissions.ts'
import { loadConfig } from '../../config/env.ts'
import { isUuid, newId } from '../../domain/shared/ids.ts'
import { addAgency, setModules } from '../host/agencies.ts'

const usage = `npm run agency -- add --name NAME [--id UUID] [--modules billing,dea]
npm run agency -- modules --id UUID --modules billing,dea
`

const fail = (sentence: string): never => {
  process.stderr.write(`${sentence}\n${usage}`)
  process.exit(1)
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string' }, id: { type: 'string' }, modules: { type: 'string', default: '' } },
})

const modules = values.modules.split(',').filter(Boolean)
const unknown = modules.find((one) => !(agencyModules as readonly string[]).includes(one))
if (unknown !== undefined) fail(`A module is one of ${agencyModules.join(', ')}.`)
if (values.id !== undefined && !isUuid(values.id)) fail('--id is a UUID in lower case.')

const { database } = loadConfig()
const ownerUrl = database.kind === 'server' ? database.migrationUrl : null
if (ownerUrl === null) fail('DATABASE_MIGRATION_URL is missing: agencies are added as the owner.')

if (positionals[0] === 'add' && values.name) {
  const id = values.id ?? newId()
  const added = await addAgency(ownerUrl!, { id, name: values.name, modules })
  process.stdout.write(added ? `Added ${id}.\n` : `${id} exists already; nothing was changed.\n`)
} else if (positionals[0] === 'modules' && values.id) {
  const set = await setModules(ownerUrl!, values.id, modules)
  if (!set) fail('There is no such agency.')
  process.stdout.write(`Set ${modules.join(', ') || 'no module'} for ${values.id}.\n`)
} else {
  fail('Say what to do.')
}
