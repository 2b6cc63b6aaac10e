export * from './disclaimers.ts'
export * from './navigation.ts'
export * from './portals.ts'
