export * from './appointments.ts'
export * from './fhir.ts'
