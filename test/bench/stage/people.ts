import { newId } from '../../../domain/shared/ids.ts'
import type { Caller } from '../load/requests.ts'
import type { BenchIssuer, Subject } from './issuer.ts'

/** A patient with a consent, a conversation to write in, and one that holds a single message to read. */
export interface Person extends Subject, Omit<Caller, 'token'> {}

export interface People {
  readonly agencies: readonly string[]
  readonly persons: readonly Person[]
}

/** `count` patients, dealt out over the agencies one by one. */
export const makePeople = (agencyCount: number, count: number): People => {
  const agencies = Array.from({ length: agencyCount }, () => newId())
  const persons = Array.from({ length: count }, (_, at) => ({
    agencyId: agencies[at % agencyCount]!,
    sub: newId(),
    patientId: newId(),
    consentId: newId(),
    conversationId: newId(),
    readConversationId: newId(),
    messageId: newId(),
  }))
  return { agencies, persons }
}

/** The same people with fresh tokens. */
export const callersOf = ({ persons }: People, issuer: BenchIssuer): Caller[] =>
  persons.map((person) => ({ ...person, token: issuer.token(person) }))
