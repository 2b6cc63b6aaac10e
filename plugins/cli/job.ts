import { parseArgs } from 'node:util'
import { loadConfig } from '../../config/env.ts'
import { dayOf, isDay } from '../../domain/shared/calendar-day.ts'
import { isUuid } from '../../domain/shared/ids.ts'
import { buildApp } from '../app.ts'
import { runCommand } from './command.ts'

const usage = `npm run job -- NAME [--at YYYY-MM-DD] [--agency UUID]
Runs a job as on that day (in UTC; today unless told), in every agency or in one. What an earlier run did is not done again.`

const wrong = (sentence: string): never => {
  throw new Error(`${sentence}\n${usage}`)
}

const read = () => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { at: { type: 'string' }, agency: { type: 'string' } } })
  const [name, ...others] = positionals
  const at = values.at ?? dayOf(Date.now())
  if (name === undefined || others.length > 0) return wrong('Say which job.')
  if (!isDay(at)) return wrong('--at is a day, YYYY-MM-DD.')
  if (values.agency !== undefined && !isUuid(values.agency)) return wrong('--agency is a UUID in lower case.')
  return { name, at, agencyId: values.agency }
}

const states = {
  done: 'done',
  already: 'done before',
  busy: 'another process is at it',
  off: 'its switch is off',
  unfinished: 'there is more',
}

await runCommand(async () => {
  const { name, at, agencyId } = read()
  // The whole service, which only listens nowhere: a job needs its contexts, their keys and the audit.
  const postern = await buildApp(loadConfig(), { logTo: process.stderr })
  try {
    const all = await postern.parts.jobs.run(name, at, agencyId)
    for (const { agencyId: id, ran } of all) process.stdout.write(`${id}: ${states[ran.state]}, ${ran.count} changed.\n`)
    // A link of the development issuer must come from the process that goes on listening.
    process.stdout.write(`${name} as on ${at}. The service sends what it told within 15 seconds, or at its next start.\n`)
    return all.every(({ ran }) => ran.state === 'done' || ran.state === 'already') ? 0 : 1
  } finally {
    await postern.close()
  }
})
