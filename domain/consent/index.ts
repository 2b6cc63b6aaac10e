export * from './consent.ts'
export type * from './consent.ports.ts'
export * from './consent.service.ts'
