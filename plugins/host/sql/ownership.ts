import type { Ownership } from '../../../routes/shared/operation.ts'
import { snake } from './compiled.ts'

/** The ownership question as one plpgsql statement, over a function's parameters; with a column, the row's value goes into `v_patient`. */
export const ownershipCheck = (ownership: Ownership, prefix: 'p_', column?: string): { perform: string; refusal: string } => {
  const claim = ownership.owner.claim === 'patientId' ? `${prefix}patient_id` : `${prefix}user_id`
  const asks = column === undefined ? 'perform' : `select o.${column} into v_patient`
  return {
    perform: `${asks} from ${ownership.table} o where o.agency_id = ${prefix}agency_id and o.id = ${prefix}${snake(ownership.param)} and o.${ownership.owner.column} = ${claim};`,
    refusal: ownership.refusal,
  }
}

/** The same question with bound parameters: agency, row, claim. Gives the row's `patient`, where a column holds it. */
export const ownershipQuery = (ownership: Ownership, column?: string): string =>
  `select ${column === undefined ? 'null' : `o.${column}`} as patient from ${ownership.table} o where o.agency_id = $1 and o.id = $2 and o.${ownership.owner.column} = $3`

/** The same question of one item `u` among many, as a scalar: the row's id, or null. */
export const ownershipQuestion = (ownership: Ownership, record: string, claim: string): string =>
  `select o.id from ${ownership.table} o where o.agency_id = u.agency_id and o.id = ${record} and o.${ownership.owner.column} = ${claim}`
