import { personaNamed } from '../../config/personas.ts'

/** A person of the demo data. Nobody by that name exists; addresses are of example.org and numbers of the range for fiction. */
export interface DemoPerson {
  readonly id: string
  readonly number: string
  readonly family: string
  readonly given: string
  readonly gender: 'female' | 'male' | 'other'
  readonly birthDate: string
  readonly phone: string
}

type Facts = Omit<DemoPerson, 'id' | 'number'>

const patient = (persona: string, facts: Facts): DemoPerson => {
  const id = personaNamed(persona)!.patientId!
  return { id, number: `DEMO-P${id.slice(-4)}`, ...facts }
}

const practitioner = (persona: string, facts: Facts): DemoPerson => {
  const id = personaNamed(persona)!.providerId!
  return { id, number: `DEMO-D${id.slice(-4)}`, ...facts }
}

export const ana = patient('patient-ana', {
  family: 'Testpatient',
  given: 'Ana',
  gender: 'female',
  birthDate: '1984-03-12',
  phone: '+1-202-555-0114',
})
export const ben = patient('patient-ben', {
  family: 'Examplesson',
  given: 'Ben',
  gender: 'male',
  birthDate: '1957-11-30',
  phone: '+1-202-555-0115',
})
export const cho = patient('patient-cho', {
  family: 'Fictional',
  given: 'Cho',
  gender: 'other',
  birthDate: '2001-07-04',
  phone: '+1-202-555-0116',
})

export const clinician = practitioner('clinician', {
  family: 'Placeholder',
  given: 'Robin',
  gender: 'female',
  birthDate: '1976-05-21',
  phone: '+1-202-555-0106',
})
export const clinician2 = practitioner('clinician-2', {
  family: 'Sampleton',
  given: 'Kim',
  gender: 'male',
  birthDate: '1969-09-02',
  phone: '+1-202-555-0107',
})
