export * from './clinical-draft.ts'
export type * from './clinical-drafts.ports.ts'
export * from './clinical-drafts.service.ts'
