import { compare, type Side } from '../compare.ts'
import { messageBody, reads, sendPath, writes, type Caller } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Candidate, Rig } from '../rig.ts'
import { callersOf, makePeople, type People } from '../stage/people.ts'
import { createSeeder } from '../stage/seed.ts'

const few = 1_000
const least = 0.75

const grown = async (rig: Rig, name: string, people: People, messages: number): Promise<Candidate> => {
  const database = await rig.postgres.create(name)
  const seeder = await createSeeder(database.superuserUrl, rig.keys.fields)
  try {
    await seeder.people(people)
    await seeder.messages(people, messages)
    await seeder.analyze()
  } finally {
    await seeder.close()
  }
  return rig.serve(database)
}

const newest = ({ conversationId }: Caller): string => `/api/messaging/conversations/${conversationId}/messages?limit=1`

/** Services on a small and on a large database, in turn: as fast on the large one, or nearly. */
export const growth = async (rig: Rig): Promise<Row[]> => {
  const many = rig.options.full ? 1_000_000 : 100_000
  const people = makePeople(20, 480)
  const small = await grown(rig, 'small', people, few)
  rig.note(`    writing ${many} messages`)
  const large = await grown(rig, 'large', people, many)
  try {
    const callers = callersOf(people, rig.issuer)
    const power = Math.log10(many)
    const row = async (what: string, sideOf: (server: Candidate) => Side): Promise<Row> => {
      const { value, reference, ratio } = await compare(rig, sideOf(large), sideOf(small))
      return {
        name: `growth, ${what} at 10^${power} messages to 10^3`,
        value,
        unit: 'req/s',
        reference,
        ratio,
        must: `ratio >= ${least}`,
        holds: ratio >= least,
      }
    }
    // Reads first: sends make the small database less small.
    return [
      await row('listMessages', (server) => ({ server, requests: reads(callers, newest), expected: 200 })),
      await row('sendMessage', (server) => ({ server, requests: writes(callers, sendPath, messageBody), expected: 201 })),
    ]
  } finally {
    await Promise.all([small.stop(), large.stop()])
  }
}
