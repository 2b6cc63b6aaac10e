import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import type { ResumableStep } from '../../../routes/shared/files.ts'
import { id } from '../../../routes/shared/schemas.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'

interface BodySchemas {
  /** The fields of a form, without its file. */
  readonly form: object
  /** The JSON that names an upload; null where the operation takes none. */
  readonly resumed: object | null
}

const noFields = { type: 'object', properties: {}, additionalProperties: false } as const

const fieldsOf = ({ body }: AnyOperation): TObject => (body ?? noFields) as TObject

const withMember = (fields: TObject, name: string, schema: TSchema): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { ...fields.properties, [name]: schema },
  required: [...(fields.required ?? []), name],
})

const uploadId = id('A resumable upload that is complete; it ends with this')

export const bodySchemas = (operation: AnyOperation): BodySchemas => ({
  form: fieldsOf(operation),
  resumed: operation.upload?.resumable === true ? withMember(fieldsOf(operation), 'uploadId', uploadId) : null,
})

export const fieldNames = (operation: AnyOperation): ReadonlySet<string> => new Set(Object.keys(fieldsOf(operation).properties))

/** The bodies by media type, for the documentation. */
export const documentedBody = (operation: AnyOperation): object => {
  const { part, types, maxBytes } = operation.upload!
  const description =
    `${types.join(', ')}, by content; at most ${maxBytes} bytes, or what the agency's setting says. A whole file and nothing besides: ` +
    'no scripts, no attachments, no encryption, nothing behind its end. A PDF that is refused as `damaged` or for a `filter` passes when it is ' +
    'printed as PDF once more.'
  const file = Type.Unsafe<null>({ type: 'string', format: 'binary', description })
  const { resumed } = bodySchemas(operation)
  return {
    content: {
      'multipart/form-data': { schema: withMember(fieldsOf(operation), part, file) },
      ...(resumed ? { 'application/json': { schema: resumed } } : {}),
    },
  }
}

const header = (description: string, maxLength: number): TSchema => Type.String({ description, minLength: 1, maxLength })

const stepHeaders: Readonly<Record<ResumableStep, Readonly<Record<string, TSchema>>>> = {
  create: {
    'upload-length': header('Bytes of the whole file', 15),
    'upload-metadata': Type.Optional(header('`filename` and `filetype`, each with its value in base64', 2_048)),
  },
  status: {},
  append: { 'upload-offset': header('The byte to go on from, as the upload told it', 15) },
  discard: {},
}

/** The headers of a request of a resumable upload, for the documentation. */
export const documentedHeaders = ({ resumable }: AnyOperation): Readonly<Record<string, TSchema>> =>
  resumable === undefined ? {} : { 'tus-resumable': header('1.0.0', 5), ...stepHeaders[resumable] }
