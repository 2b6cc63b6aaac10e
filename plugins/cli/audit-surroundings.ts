import { loadConfig, type Keys } from '../../config/env.ts'
import { systemClock } from '../../domain/shared/clock.ts'
import { completeKeys } from '../dev/generated-secrets.ts'
import { openCheckpoints, type CheckpointStore } from '../host/audit/index.ts'
import { createSigner } from '../host/crypto/index.ts'
import { openOwner } from './owner.ts'

/** What the audit commands need of the configuration. */
export interface AuditSurroundings {
  readonly ownerUrl: string
  readonly keys: Keys
  /** Raw, in base64: the current one, and those that signed before a rotation. */
  readonly publicKeys: readonly string[]
  /** The signed heads. */
  readonly checkpoints: CheckpointStore
  /** Also closes the signed heads. */
  close(): Promise<void>
}

/**
 * The owner's connection, the keys and the signed heads; an embedded database is attached to or started.
 *
 * @param instance the command in what it writes beside the signed heads; no two that run may share it
 */
export const openAuditSurroundings = async (instance: string): Promise<AuditSurroundings> => {
  const config = loadConfig()
  const keys = completeKeys(config.keys)
  const publicKeys = [createSigner(keys.auditSigning).publicKey, ...config.auditPublicKeys]
  const checkpoints = openCheckpoints(config, instance, systemClock)
  const owner = await openOwner(config)
  const close = async (): Promise<void> => {
    try {
      await checkpoints.close()
    } finally {
      await owner.close()
    }
  }
  return { ownerUrl: owner.url, keys, publicKeys, checkpoints, close }
}
