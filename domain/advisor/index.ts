export * from './advisor.ts'
