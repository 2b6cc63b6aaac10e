import type { DocumentType } from '../../../../domain/shared/documents.ts'
import { jpeg } from './jpeg.ts'
import { Cursor, feedOf, type Parser, refuseFile } from './parser.ts'
import { pdf } from './pdf.ts'
import { png } from './png.ts'

/** Bytes of a file's beginning that say what it is. */
export const headBytes = 4_100

const parsers: Readonly<Record<DocumentType, (cursor: Cursor) => Parser>> = {
  'application/pdf': pdf,
  'image/jpeg': jpeg,
  'image/png': png,
}

const extensions: Readonly<Record<DocumentType, readonly string[]>> = {
  'application/pdf': ['pdf'],
  'image/jpeg': ['jpg', 'jpeg', 'jpe', 'jfif'],
  'image/png': ['png'],
}

/** What a client says of its file; null where it says nothing. */
export interface FileClaim {
  readonly contentType: string | null
  readonly filename: string | null
}

const noClaim = new Set(['', 'application/octet-stream', 'binary/octet-stream'])
const aliases: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'application/x-pdf': 'application/pdf',
}

const claimedType = (contentType: string | null): string | null => {
  const plain = (contentType ?? '').split(';')[0]!.trim().toLowerCase()
  return noClaim.has(plain) ? null : (aliases[plain] ?? plain)
}

/** The ending of a name, where it looks like one of a kind of file. */
const endingOf = (filename: string | null): string | null => /\.([a-z][a-z0-9]{1,3})$/i.exec(filename ?? '')?.[1]?.toLowerCase() ?? null

/**
 * What a file is by its first bytes, provided that its claim and the ending of its name agree.
 * @throws Refusal VALIDATION_FAILED (media-type) at `/file`: `type` or `extension`; `empty` where there is nothing
 */
export const typeOfFile = async (head: Buffer, claim: FileClaim, accepted: readonly DocumentType[]): Promise<DocumentType> => {
  if (head.length === 0) throw refuseFile('empty')
  const { fileTypeFromBuffer } = await import('file-type')
  const found = (await fileTypeFromBuffer(head))?.mime
  const type = accepted.find((candidate) => candidate === found)
  if (type === undefined) throw refuseFile('type')
  const claimed = claimedType(claim.contentType)
  if (claimed !== null && claimed !== type) throw refuseFile('type')
  const ending = endingOf(claim.filename)
  if (ending !== null && !extensions[type].includes(ending)) throw refuseFile('extension')
  return type
}

/** Where a ZIP archive's directory ends: within this many bytes of the end of a file, wherever the archive begins. */
const archiveTail = 65_536 + 22
const archiveEnd = Buffer.from([0x50, 0x4b, 0x05, 0x06])

/** Sees to it that a file is no archive besides. A reader of archives looks from the end, whatever the file begins with. */
const createArchiveWatch = () => {
  let tail: Buffer[] = []
  let length = 0
  return {
    see(chunk: Buffer): void {
      tail.push(chunk)
      length += chunk.length
      while (length - tail[0]!.length >= archiveTail) length -= tail.shift()!.length
    },
    end(): void {
      if (Buffer.concat(tail).includes(archiveEnd)) throw refuseFile('polyglot')
      tail = []
    },
  }
}

/** Looks through a whole file as it passes. */
export interface Inspection {
  see(chunk: Buffer): Promise<void>
  end(): Promise<void>
  close(): void
}

/** @throws Refusal VALIDATION_FAILED at `/file`, with the rule that the file breaks */
export const inspectionOf = (type: DocumentType): Inspection => {
  const feed = feedOf(parsers[type](new Cursor()))
  const archive = createArchiveWatch()
  return {
    async see(chunk) {
      archive.see(chunk)
      await feed.write(chunk)
    },
    async end() {
      archive.end()
      await feed.end()
    },
    close: () => feed.close(),
  }
}
