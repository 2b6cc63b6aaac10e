import type { Socket } from 'node:net'
import type { MultipartFile, Multipart } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { normalise, textRule } from '../../../domain/shared/text.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { FileUpload } from '../../../routes/shared/files.ts'
import type { FileClaim } from './inspect/inspect.ts'
import { inTime } from './in-time.ts'
import { refuseFile } from './inspect/parser.ts'

/** Bytes that fields and their frames may take beside the file. */
export const fieldRoom = 65_536
const mostFields = 32
const longestField = 8_192
/** Milliseconds in which the fields before the file must have come. */
const headMs = 20_000
/** Milliseconds in which a refused upload may end its request. */
const drainMs = 10_000

/** Sockets over which a file is coming in: those have a patience of their own, longer than that of other requests. */
export const receivingSockets = new WeakSet<Socket>()

/** The file of a multipart body, as it comes in. */
export interface ArrivingFile {
  readonly source: AsyncIterable<Buffer>
  readonly claim: FileClaim
}

/** A multipart body, read as far as its file. */
export interface Form {
  /** The fields so far; all of them once `rest` has resolved. */
  readonly fields: Record<string, string>
  /** Null where the body has ended without one. */
  readonly file: ArrivingFile | null
  /** Reads what stands behind the file. */
  rest(): Promise<void>
}

const limits = {
  fieldNameSize: 100, fieldSize: longestField, fields: mostFields, files: 1, parts: mostFields + 1, headerPairs: 50, fileSize: Number.MAX_SAFE_INTEGER,
} // prettier-ignore

const limitCodes = new Set(['FST_PARTS_LIMIT', 'FST_FILES_LIMIT', 'FST_FIELDS_LIMIT'])

/** What the parser says of a body that is none, or breaks off; its message can quote the body. */
const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string' && limitCodes.has(code)) return invalid('', 'parts')
  return invalid('', 'multipart')
}

const addField = (fields: Record<string, string>, known: ReadonlySet<string>, part: Exclude<Multipart, MultipartFile>): void => {
  const { fieldname, value } = part
  if (part.fieldnameTruncated || textRule(fieldname) !== null) throw invalid('', 'propertyName')
  const pointer = known.has(fieldname) ? `/${fieldname}` : ''
  if (Object.hasOwn(fields, fieldname)) throw invalid(pointer, 'duplicateName')
  if (part.valueTruncated) throw invalid(pointer, 'maxLength')
  if (typeof value !== 'string') throw invalid(pointer, 'type')
  const broken = textRule(value)
  if (broken) throw invalid(pointer, broken)
  fields[fieldname] = normalise(value)
}

/** A file that breaks off was cut short by whoever sent it. */
async function* arriving(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* file
  } catch (cause) {
    throw Object.assign(refuseFile('truncated'), { cause })
  }
}

/**
 * Reads a multipart body up to its file, which is left where it is: nobody has been let in yet.
 * @throws Refusal VALIDATION_FAILED where the body is none, or holds what its declaration does not name
 */
export const readForm = async (request: FastifyRequest, upload: FileUpload, known: ReadonlySet<string>): Promise<Form> => {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  const parts = request.parts({ limits, throwFileSizeLimit: false } as never)
  let file: ArrivingFile | null = null

  const read = async (): Promise<void> => {
    for (;;) {
      const { value: part, done } = await parts.next()
      if (done === true || part === undefined) return
      if (part.type === 'field') {
        addField(fields, known, part)
        continue
      }
      if (part.fieldname !== upload.part || file !== null) throw invalid('', 'parts')
      file = { source: arriving(part.file), claim: { contentType: part.mimetype, filename: part.filename ?? null } }
      return
    }
  }
  const reading = async (): Promise<void> => {
    try {
      await inTime(read(), headMs)
    } catch (error) {
      throw refusalOf(error)
    }
  }
  await reading()
  return {
    fields,
    get file() {
      return file
    },
    rest: reading,
  }
}

/** Lets a refused upload end its request, within bounds, so that its sender gets to read the answer; then the connection ends. */
export const drain = ({ raw }: FastifyRequest): void => {
  if (raw.complete || raw.destroyed) return
  raw.unpipe()
  raw.on('error', () => {})
  raw.resume()
  const late = setTimeout(() => void raw.destroy(), drainMs)
  late.unref()
  raw.once('close', () => clearTimeout(late))
}
