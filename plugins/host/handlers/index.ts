import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import type { Service } from '../service.ts'
import { serveAdvise } from './advise.ts'
import { serveAnswer } from './answer.ts'
import type { Handler } from './handler.ts'
import { serveQuery } from './query.ts'
import { serveStatement } from './statement.ts'
import { serveResumable } from './resumable.ts'
import { serveTransact } from './transact.ts'
import { serveUpload } from './upload.ts'

/** The handler of a service, by its kind. */
export const handlerOf = (host: Host, service: Service<AnyOperation>): Handler => {
  if ('answer' in service) return serveAnswer(host, service)
  if ('query' in service) return serveQuery(host, service)
  if ('statement' in service) return serveStatement(host, service)
  if ('consult' in service) return serveAdvise(host, service)
  if ('accept' in service) return serveUpload(host, service)
  if ('resumable' in service) return serveResumable(host, service)
  return serveTransact(host, service)
}
