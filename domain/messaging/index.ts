export * from './messaging.ts'
export * from './messaging.service.ts'
