import { type Static, Type } from '@sinclair/typebox'
import { consentScopes, consentStatuses, reasonLength } from '../../domain/consent/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantIn, instantOut, oneOf, orNull, strict, writtenText } from '../shared/schemas.ts'

const patientId = id('The patient; a patient may only name themself')
const scope = oneOf(consentScopes, 'What is consented to')

export const consentParams = strict({ consentId: id('The consent') })

export const listConsentsQuery = strict({ patientId: Type.Optional(patientId), ...cursorQuery })

export const decisionQuery = strict({ patientId, scope })

export const grantBody = strict({
  patientId,
  scope,
  expiresAt: Type.Optional(instantIn('From this time on the consent permits nothing; it must be in the future. Without it: until revoked')),
})

export const revocationBody = strict({ reason: Type.Optional(writtenText(reasonLength, 'Why, in the patient’s own words.')) })

export const consentSchema = strict({
  id: id('The consent'),
  agencyId: id('The agency in which it holds'),
  patientId: id('The patient'),
  scope,
  status: oneOf(consentStatuses, 'FHIR R4 consent state; a revoked or expired consent is inactive, and only an active one permits'),
  grantedAt: instantOut('When it was granted'),
  expiresAt: orNull(instantOut('From when on it permits nothing; null: until revoked')),
  revokedAt: orNull(instantOut('When the patient withdrew it')),
  reason: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Why the patient withdrew it' }),
})

export const consentListSchema = cursorList(consentSchema)

export const decisionSchema = strict({
  decision: oneOf(['permit', 'deny'], 'Whether the patient’s consent of this scope permits now'),
  consentId: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    format: 'uuid',
    description: 'The consent that permits; null where none does',
  }),
  evaluatedAt: instantOut('The instant for which this holds; ask again for another'),
})

export type ConsentWire = Static<typeof consentSchema>
export type DecisionWire = Static<typeof decisionSchema>
