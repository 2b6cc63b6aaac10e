import { loadConfig, type Keys } from '../../config/env.ts'
import { completeKeys } from '../dev/generated-secrets.ts'
import { openOwner } from './owner.ts'

/** What the audit commands need of the configuration. */
export interface AuditSurroundings {
  readonly ownerUrl: string
  readonly keys: Keys
  /** Directory of the signed heads. */
  readonly checkpoints: string
  close(): Promise<void>
}

/** The owner's connection, the keys and the signed heads; an embedded database is attached to or started. */
export const openAuditSurroundings = async (): Promise<AuditSurroundings> => {
  const config = loadConfig()
  if (config.checkpoints.kind !== 'directory')
    throw new Error('AUDIT_CHECKPOINTS: only a directory outside the database is supported by this version.')
  const { url, close } = await openOwner(config)
  return { ownerUrl: url, keys: completeKeys(config.keys), checkpoints: config.checkpoints.directory, close }
}
