import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { createFieldCipher, type KeySet } from '../../../plugins/host/crypto/index.ts'
import { messageText } from '../load/requests.ts'
import type { People, Person } from './people.ts'

type Cipher = ReturnType<typeof createFieldCipher>
type Insert = (table: string, columns: Readonly<Record<string, readonly unknown[]>>) => Promise<void>

const types: Readonly<Record<string, string>> = {
  agency_id: 'uuid', id: 'uuid', patient_id: 'uuid', conversation_id: 'uuid', audit_id: 'uuid', request_id: 'uuid', name: 'text', scope: 'text', status: 'text',
  granted_by: 'text', created_by: 'text', sender_id: 'text', subject: 'bytea', body: 'bytea', granted_at: 'timestamptz', created_at: 'timestamptz',
} // prettier-ignore

/** Rows by columns, as the superuser: row security does not bind it, so all agencies go in together. */
const inserter = (client: pg.Client): Insert => {
  return async (table, columns) => {
    const names = Object.keys(columns)
    const arrays = names.map((name, at) => `$${at + 1}::${types[name]}[]`).join(', ')
    await client.query(`insert into ${table} (${names.join(', ')}) select * from unnest(${arrays})`, Object.values(columns) as unknown[][])
  }
}

const seal = (cipher: Cipher, table: string, column: string, text: string, agencyId: string, rowId: string): Buffer =>
  cipher.seal(text, { table, column, rowId, agencyId })

const conversations = (cipher: Cipher, persons: readonly Person[], idOf: (person: Person) => string, at: Date) => ({
  agency_id: persons.map(({ agencyId }) => agencyId),
  id: persons.map(idOf),
  patient_id: persons.map(({ patientId }) => patientId),
  subject: persons.map((person) => seal(cipher, 'messaging_conversation', 'subject', 'Tablets', person.agencyId, idOf(person))),
  created_at: persons.map(() => at),
  created_by: persons.map(({ sub }) => sub),
  audit_id: persons.map(() => newId()),
})

const messages = (cipher: Cipher, of: readonly { person: Person; id: string; conversationId: string }[], at: Date) => ({
  agency_id: of.map(({ person }) => person.agencyId),
  id: of.map(({ id }) => id),
  conversation_id: of.map(({ conversationId }) => conversationId),
  patient_id: of.map(({ person }) => person.patientId),
  sender_id: of.map(({ person }) => person.sub),
  body: of.map(({ person, id }) => seal(cipher, 'messaging_message', 'body', messageText, person.agencyId, id)),
  created_at: of.map(() => at),
  audit_id: of.map(() => newId()),
})

export interface Seeder {
  /** Agencies, consents, two conversations each, and one message to read. */
  people(people: People): Promise<void>
  /** That many messages in the conversations that people write in, with as many audit rows and idempotency keys. */
  messages(people: People, count: number): Promise<void>
  /** Lets the planner know what there is. */
  analyze(): Promise<void>
  close(): Promise<void>
}

// What stands around a large table in life: a key and an audit row for each message. Their bytes are of no account here.
const audits = `
  insert into audit_event (id, agency_id, lane, seq, at, action, outcome, user_id, role, patient_id, entity_type, entity_id, ip, request_id, idempotency_key, bypass, payload, hash)
  select m.audit_id, m.agency_id, 1000, row_number() over (), m.created_at, 'sendMessage', 'success', m.sender_id, 'patient', m.patient_id, 'conversation',
    m.conversation_id::text, '127.0.0.1', gen_random_uuid(), gen_random_uuid()::text, false, m.body, sha256(m.body)
  from messaging_message m`
const keys = `
  insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
  select agency_id, user_id, 'sendMessage', idempotency_key, hash, 201, payload, id, at, at + interval '7 days' from audit_event where lane = 1000`

const chunk = 5_000

/** Fills a database with what people would have left in it, sealed with the keys that the service is given. */
export const createSeeder = async (superuserUrl: string, fieldKeys: KeySet): Promise<Seeder> => {
  const cipher = createFieldCipher(fieldKeys)
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 600_000 })
  client.on('error', () => {})
  await client.connect()
  const insert = inserter(client)
  return {
    async people({ agencies, persons }) {
      const at = new Date(Date.now() - 3_600_000)
      const each = <T>(value: (person: Person) => T): T[] => persons.map(value)
      await insert('host_agency', { id: agencies, name: agencies.map((_, index) => `Bench ${index + 1}`) })
      await insert('consent_record', {
        agency_id: each(({ agencyId }) => agencyId), id: each(({ consentId }) => consentId), patient_id: each(({ patientId }) => patientId), scope: each(() => 'messaging'),
        status: each(() => 'active'), granted_at: each(() => at), granted_by: each(({ sub }) => sub), audit_id: each(() => newId()),
      }) // prettier-ignore
      for (const idOf of [(one: Person) => one.conversationId, (one: Person) => one.readConversationId]) {
        await insert('messaging_conversation', conversations(cipher, persons, idOf, at))
      }
      const single = persons.map((person) => ({ person, id: person.messageId, conversationId: person.readConversationId }))
      await insert('messaging_message', messages(cipher, single, at))
    },
    async messages({ persons }, count) {
      for (let from = 0; from < count; from += chunk) {
        const size = Math.min(chunk, count - from)
        const at = new Date(Date.now() - 1_800_000 + (from / count) * 1_700_000)
        const of = Array.from({ length: size }, (_, index) => {
          const person = persons[(from + index) % persons.length]!
          return { person, id: newId(), conversationId: person.conversationId }
        })
        await insert('messaging_message', messages(cipher, of, at))
      }
      await client.query(audits)
      await client.query(keys)
    },
    analyze: async () => void (await client.query('vacuum (analyze)')),
    close: async () => client.end().catch(() => {}),
  }
}
