import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { FileClaim } from './inspect/inspect.ts'

export const tusVersion = '1.0.0'

const longestMetadata = 2_048
const count = /^(0|[1-9]\d{0,14})$/

/** @throws Refusal VALIDATION_FAILED: the one version that is spoken here must be asked for */
export const checkVersion = (header: unknown): void => {
  if (header !== tusVersion) throw invalid('/headers/tus-resumable', 'const')
}

/** @throws Refusal VALIDATION_FAILED where the length is missing, deferred or nothing */
export const lengthOf = (header: unknown): number => {
  if (typeof header !== 'string' || !count.test(header) || header === '0') throw invalid('/headers/upload-length', 'pattern')
  return Number(header)
}

/** @throws Refusal VALIDATION_FAILED */
export const offsetOf = (header: unknown): number => {
  if (typeof header !== 'string' || !count.test(header)) throw invalid('/headers/upload-offset', 'pattern')
  return Number(header)
}

const pair = /^([\x21-\x2b\x2d-\x7e]+)(?: ([A-Za-z0-9+/]*={0,2}))?$/

/**
 * What the client says of its file: `filename` and `filetype` of `Upload-Metadata`; whatever else stands there is passed over.
 * @throws Refusal VALIDATION_FAILED where it cannot be read
 */
export const claimOf = (header: unknown): FileClaim => {
  const values = new Map<string, string>()
  if (header === undefined || header === '') return { contentType: null, filename: null }
  if (typeof header !== 'string') throw invalid('/headers/upload-metadata', 'pattern')
  if (header.length > longestMetadata) throw new Refusal('VALIDATION_FAILED', 'too-large')
  for (const entry of header.split(',')) {
    const [, name, value = ''] = pair.exec(entry.trim()) ?? []
    if (name === undefined || values.has(name)) throw invalid('/headers/upload-metadata', 'pattern')
    values.set(name, Buffer.from(value, 'base64').toString('utf8'))
  }
  return { contentType: values.get('filetype') ?? null, filename: values.get('filename') ?? null }
}
