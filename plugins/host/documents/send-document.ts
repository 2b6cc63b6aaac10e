import type { FastifyReply } from 'fastify'
import type { Documents } from './documents.ts'
import type { SentDocument } from './documents-port.ts'
import { dispositionOf } from './filename.ts'

/**
 * Streams a stored document as the answer: with its length, under a name that no header can be made of, as the type that its content
 * was found to be and nothing else.
 */
export const sendDocument = async (documents: Documents, agencyId: string, file: SentDocument, reply: FastifyReply): Promise<unknown> => {
  const { content, contentType, sizeBytes } = await documents.open(file.agencyId ?? agencyId, file.objectKey)
  return reply
    .code(200)
    .headers({
      'content-type': contentType,
      'content-length': sizeBytes,
      'content-disposition': dispositionOf(file.disposition, file.filename),
      'cache-control': file.cacheControl ?? 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .send(content)
}
