import { parseArgs } from 'node:util'
import { loadConfig } from '../../config/env.ts'
import { agencyModules } from '../../config/permissions.ts'
import { isUuid, newId } from '../../domain/shared/ids.ts'
import { addAgency, setModules } from '../host/agencies.ts'
import { runCommand } from './command.ts'
import { openOwner } from './owner.ts'

const usage = `npm run agency -- add --name NAME [--id UUID] [--modules billing,dea]
npm run agency -- modules --id UUID --modules billing,dea`

const wrong = (sentence: string): never => {
  throw new Error(`${sentence}\n${usage}`)
}

interface Asked {
  readonly verb: string | undefined
  readonly name: string | undefined
  readonly id: string | undefined
  readonly modules: readonly string[]
}

const read = (): Asked => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, id: { type: 'string' }, modules: { type: 'string', default: '' } },
  })
  const modules = values.modules.split(',').filter(Boolean)
  const known: readonly string[] = agencyModules
  if (modules.some((one) => !known.includes(one))) wrong(`A module is one of ${known.join(', ')}.`)
  if (values.id !== undefined && !isUuid(values.id)) wrong('--id is a UUID in lower case.')
  return { verb: positionals[0], name: values.name?.trim(), id: values.id, modules }
}

const add = async (ownerUrl: string, { name, id = newId(), modules }: Asked): Promise<string> => {
  const added = await addAgency(ownerUrl, { id, name: name!, modules })
  return added ? `Added ${id}.` : `${id} exists already; nothing was changed.`
}

const set = async (ownerUrl: string, { id, modules }: Asked): Promise<string> => {
  if (!(await setModules(ownerUrl, id!, modules))) throw new Error(`There is no agency ${id}.`)
  return `Set ${modules.join(', ') || 'no module'} for ${id}.`
}

/** What is asked for, once it is known to be whole. */
const taskOf = (asked: Asked) => {
  if (asked.verb === 'add' && asked.name) return add
  if (asked.verb === 'modules' && asked.id) return set
  return wrong('Say what to do.')
}

await runCommand(async () => {
  const asked = read()
  const task = taskOf(asked)
  const owner = await openOwner(loadConfig())
  try {
    process.stdout.write(`${await task(owner.url, asked)}\n`)
  } finally {
    await owner.close()
  }
  return 0
})
