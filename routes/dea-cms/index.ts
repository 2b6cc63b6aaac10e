export * from './cms.ts'
export * from './dea.ts'
export * from './presenter.ts'
