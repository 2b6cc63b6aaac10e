import type { Ownership } from '../../../routes/shared/operation.ts'
import { snake } from './compiled.ts'

/** The ownership question as one plpgsql `perform`, over a function's parameters. */
export const ownershipCheck = (ownership: Ownership, prefix: 'p_'): { perform: string; refusal: string } => {
  const claim = ownership.owner.claim === 'patientId' ? `${prefix}patient_id` : `${prefix}user_id`
  return {
    perform: `perform from ${ownership.table} o where o.agency_id = ${prefix}agency_id and o.id = ${prefix}${snake(ownership.param)} and o.${ownership.owner.column} = ${claim};`,
    refusal: ownership.refusal,
  }
}

/** The same question with bound parameters: agency, row, claim. */
export const ownershipQuery = (ownership: Ownership): string =>
  `select 1 from ${ownership.table} o where o.agency_id = $1 and o.id = $2 and o.${ownership.owner.column} = $3`

/** The same question of one item among many, as a scalar: the row's id, or null. */
export const ownershipQuestion = (ownership: Ownership, record: string, claim: string): string =>
  `select o.id from ${ownership.table} o where o.agency_id = v_agency and o.id = ${record} and o.${ownership.owner.column} = ${claim}`
