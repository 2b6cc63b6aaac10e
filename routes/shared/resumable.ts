import { Type } from '@sinclair/typebox'
import { operation, type Audience, type Effect } from './operation.ts'
import { id, strict } from './schemas.ts'

/** Who may upload, and where; the same for all four requests. */
interface ResumableCommon {
  /** Stands in the operations' names: `document` gives `createDocumentUpload`. */
  readonly noun: string
  /** Below `/api`, such as `/admin/uploads`. */
  readonly path: string
  readonly effect: Extract<Effect, 'write' | 'admin'>
  readonly audience: readonly Audience[]
  readonly scopes: readonly string[]
  readonly killSwitch?: string
  readonly tags?: readonly string[]
}

const uploadId = strict({ uploadId: id('The upload, as `Location` named it') })

/**
 * The four requests of a resumable upload: created with its length, continued from the byte that `Upload-Offset` names, asked about, given
 * up. An upload is its creator's alone and lives 24 hours; the operation that takes its `uploadId` ends it.
 * @see https://tus.io/protocols/resumable-upload (1.0.0: core, creation, expiration, termination)
 */
export const resumableOperations = ({ noun, path, ...common }: ResumableCommon) => {
  const name = noun.charAt(0).toUpperCase() + noun.slice(1)
  const one = `${path}/:uploadId`
  const shared = { ...common, audit: 'record', entity: { type: 'upload', param: 'uploadId' } } as const
  return {
    create: operation({
      ...shared,
      name: `create${name}Upload`,
      summary: 'Begin a resumable upload',
      description:
        'tus 1.0.0, creation: `Upload-Length` (bytes) and, if you like, `Upload-Metadata` with `filename` and `filetype`. `Location` names the upload.',
      method: 'POST',
      path,
      entity: { type: 'upload' },
      resumable: 'create',
      maxBody: 1_024,
      reply: { status: 201, schema: strict({ id: id('The upload'), expiresAt: Type.String({ format: 'date-time' }) }) },
    }),
    status: operation({
      ...shared,
      name: `get${name}UploadOffset`,
      summary: 'How much of an upload has arrived',
      description: 'tus 1.0.0: the answer is in `Upload-Offset`, `Upload-Length` and `Upload-Expires`.',
      method: 'HEAD',
      path: one,
      effect: 'read',
      audit: 'refusals',
      params: uploadId,
      resumable: 'status',
      problems: ['NOT_FOUND'],
      reply: { status: 200, schema: null },
    }),
    append: operation({
      ...shared,
      name: `append${name}Upload`,
      summary: 'Go on with an upload',
      description:
        'tus 1.0.0: `application/offset+octet-stream`, from `Upload-Offset` on. Whatever arrives is kept, also when the connection breaks.',
      method: 'PATCH',
      path: one,
      params: uploadId,
      resumable: 'append',
      problems: ['NOT_FOUND', 'CONFLICT'],
      reply: { status: 204, schema: null },
    }),
    discard: operation({
      ...shared,
      name: `discard${name}Upload`,
      summary: 'Give an upload up',
      description: 'tus 1.0.0, termination.',
      method: 'DELETE',
      path: one,
      params: uploadId,
      resumable: 'discard',
      problems: ['NOT_FOUND'],
      reply: { status: 204, schema: null },
    }),
  } as const
}
