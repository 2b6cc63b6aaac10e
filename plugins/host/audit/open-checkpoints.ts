import type { AppConfig } from '../../../config/env.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { fileCheckpoints, type CheckpointStore } from './checkpoint-store.ts'
import { s3Checkpoints } from './s3-checkpoints.ts'

/**
 * The store that `AUDIT_CHECKPOINTS` names; a bucket is opened with the `S3_*` variables of the documents. Nothing is read or written yet.
 *
 * @param instance 1 to 64 letters, digits and hyphens; no two running instances may share it.
 * @param onUnlocked told once where a bucket has no object lock
 */
export const openCheckpoints = (
  { checkpoints, storage }: Pick<AppConfig, 'checkpoints' | 'storage'>,
  instance: string,
  clock: Clock,
  onUnlocked?: () => void,
): CheckpointStore => {
  if (checkpoints.kind === 'directory') return fileCheckpoints(checkpoints.directory, instance, clock)
  if (storage.kind !== 's3') throw new Error('AUDIT_CHECKPOINTS names a bucket but there is no store: set S3_ENDPOINT.')
  const { bucket, prefix } = checkpoints
  return s3Checkpoints({ place: { ...storage, bucket }, prefix, instance, clock, onUnlocked })
}
