import { createHash, hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'
import { normalise, textRule } from '../../domain/shared/text.ts'

/** Deepest nesting of a body. */
export const maxDepth = 8

const nothing: ReadonlySet<string> = new Set()
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

const refuse = (pointer: string, rule: string): never => {
  throw new Refusal('VALIDATION_FAILED', 'default', { errors: [{ pointer, rule }] })
}

/** Walks a parsed body once: normalises, counts members, refuses what no string may hold. */
class Cleaner {
  members = 0
  readonly #known: ReadonlySet<string>

  constructor(known: ReadonlySet<string>) {
    this.#known = known
  }

  // A name that the schema does not know is input: from there on the pointer stays where it is.
  clean(value: unknown, pointer: string): unknown {
    if (typeof value === 'string') {
      const broken = textRule(value)
      return broken ? refuse(pointer, broken) : normalise(value)
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) value[index] = this.clean(value[index], `${pointer}/${index}`)
      return value
    }
    const record = value as Record<string, unknown>
    for (const key of Object.keys(record)) {
      this.members += 1
      if (key === '__proto__' || key === 'constructor' || key === 'prototype' || textRule(key)) refuse(pointer, 'propertyName')
      const value = this.clean(record[key], this.#known.has(key) ? `${pointer}/${key}` : pointer)
      const name = normalise(key)
      if (name !== key) {
        if (Object.hasOwn(record, name)) refuse(pointer, 'duplicateName')
        delete record[key]
      }
      record[name] = value
    }
    return record
  }
}

/** Members of every object in a JSON text: the colons outside its strings. */
const countMembers = (text: string): number => {
  let count = 0
  let inString = false
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === 0x5c) index += 1
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x3a) count += 1
  }
  return count
}

const nestingWithin = (text: string, limit: number): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === 0x5c) index += 1
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limit) return false
    } else if (code === 0x7d || code === 0x5d) depth -= 1
  }
  return true
}

const decode = (bytes: Buffer): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    return refuse('', 'utf-8')
  }
}

const parse = (text: string): unknown => {
  if (!nestingWithin(text, maxDepth)) refuse('', 'depth')
  try {
    return JSON.parse(text)
  } catch {
    return refuse('', 'json')
  }
}

/**
 * Reads a JSON body as the contract wants it: UTF-8, no duplicate names, at most eight levels, strings in NFC without control
 * characters. Whatever it refuses, it names the rule and never the value.
 */
export const readJson = (bytes: Buffer, known: ReadonlySet<string> = nothing): unknown => {
  if (bytes.length === 0) return undefined
  const text = decode(bytes)
  const cleaner = new Cleaner(known)
  const cleaned = cleaner.clean(parse(text), '')
  if (cleaner.members !== countMembers(text)) refuse('', 'duplicateName')
  return cleaned
}

export const digestOf = (bytes: Buffer): { size: number; sha256: string } => ({ size: bytes.length, sha256: hash('sha256', bytes, 'hex') })

const charsetAccepted = (contentType: string | undefined): boolean => {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')
  return !charset || charset[1]!.toLowerCase() === 'utf-8'
}

const namesBySchema = new WeakMap<object, ReadonlySet<string>>()

const collectNames = (schema: unknown, names: Set<string>): void => {
  if (typeof schema !== 'object' || schema === null) return
  const { properties } = schema as { properties?: object }
  for (const name of Object.keys(properties ?? {})) names.add(name)
  for (const part of Object.values(schema)) collectNames(part, names)
}

/** Every property name that a body schema knows, however deep. */
const knownNames = (schema: object | undefined): ReadonlySet<string> => {
  if (!schema) return nothing
  let names = namesBySchema.get(schema) as Set<string> | undefined
  if (!names) {
    names = new Set()
    collectNames(schema, names)
    namesBySchema.set(schema, names)
  }
  return names
}

/** JSON is the only body that operations take; whatever cannot be parsed leaves its size and digest for the audit. */
export const acceptJson = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer | string, done) => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
    try {
      if (!charsetAccepted(request.headers['content-type'])) throw new Refusal('VALIDATION_FAILED', 'media-type')
      done(null, readJson(bytes, request.call ? knownNames(request.call.operation.body) : nothing))
    } catch (error) {
      if (request.call) request.call.bodyDigest = digestOf(bytes)
      done(error as Error)
    }
  })
}

/**
 * Digests a body that nobody will parse, within bounds of size and time. The stream is left open: whoever answers may still write.
 * Over the limit, or late, the digest is null.
 */
export const digestStream = (request: FastifyRequest, limit: number, timeoutMs: number): Promise<{ size: number; sha256: string | null }> =>
  new Promise((resolve) => {
    const digest = createHash('sha256')
    let size = 0
    const finish = (sha256: string | null): void => {
      clearTimeout(timer)
      request.raw.off('data', take).off('end', end).off('error', fail).off('close', fail)
      request.raw.resume()
      resolve({ size, sha256 })
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > limit) finish(null)
      else digest.update(chunk)
    }
    const end = (): void => finish(digest.digest('hex'))
    const fail = (): void => finish(null)
    const timer = setTimeout(fail, timeoutMs)
    request.raw.on('data', take).once('end', end).once('error', fail).once('close', fail)
  })
