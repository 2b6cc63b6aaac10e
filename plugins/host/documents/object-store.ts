import type { Readable } from 'node:stream'

/** A sealed content that waits in a private file to become an object. */
export interface Spooled {
  readonly path: string
  /** Of the sealed bytes. */
  readonly size: number
  /** Of the sealed bytes, 64 hex digits. */
  readonly sha256: string
}

/**
 * Where sealed objects lie. What it is given is sealed already: nothing there can be read without the keys.
 * Keys are `<agency id>/<id>`; an object is written once and never changed.
 */
export interface ObjectStore {
  /** A directory of this process's own in which contents may wait; 0700, on the objects' own volume where that is a folder. */
  readonly incoming: string
  /** The object stands as a whole when this resolves, and survives a crash; `spooled.path` may be gone then. */
  put(key: string, spooled: Spooled): Promise<void>
  /** The sealed bytes, or null where there is no such object. */
  get(key: string): Promise<Readable | null>
  /** Resolves also where there was none. */
  remove(key: string): Promise<void>
  /** Answers whether the store can be reached. */
  check(): Promise<boolean>
  close(): Promise<void>
}

const objectKey = /^[0-9a-f-]{36}\/[0-9a-f-]{36}$/

/** A key is made here and nowhere else; whatever else comes along is a defect, and must not become a path. */
export const checkedKey = (key: string): string => {
  if (!objectKey.test(key)) throw new Error('no key of an object')
  return key
}
