import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, watch, writeFileSync } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { FlagSource, Look } from './flag-source.ts'
import { reasonOf } from './flag-source.ts'
import { Malformed } from './feature.ts'
import { readDocument } from './reading.ts'

const largest = 256 * 1024
// Writers truncate, then write: wait until they are done rather than report half a document.
const settleMs = 10

/** Reads the whole file, however it came to be there. A pipe or a device must not hang the service, hence O_NONBLOCK. */
const readText = (path: string): string => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Malformed('not a file')
    if (stat.size > largest) throw new Malformed('too large')
    const buffer = Buffer.allocUnsafe(stat.size + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(file, buffer, length, buffer.length - length, null)
    if (length > stat.size) throw new Malformed('still growing')
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer.subarray(0, length))
  } finally {
    closeSync(file)
  }
}

/** Writes the defaults where there is no file; never touches one that exists. Where it cannot, the first look says why. */
const createWhereAbsent = (path: string, content: string): boolean => {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

export interface FileSourceOptions {
  readonly path: string
  /** What a missing file is created with. */
  readonly defaults: Readonly<Record<string, boolean>>
  readonly clock: Clock
  /** Milliseconds between two looks, whatever the file system tells in between. */
  readonly pollMs: number
  readonly onLook: (look: Look) => void
  readonly onCreated: () => void
}

/**
 * Flags from a JSON file. The directory is watched, so that a file renamed into place is seen; and the file is read every
 * `pollMs`, because watching tells nothing on network file systems and after the directory was replaced. It is read rather than
 * compared by time and size: two edits within one tick of the file system's clock look alike, and only reading shows that it is
 * readable. Readable means fresh.
 */
export const openFileSource = (options: FileSourceOptions): FlagSource => {
  const { path, clock, pollMs, onLook } = options
  let lastText: string | null = null
  let watcher: FSWatcher | null = null
  let settling: NodeJS.Timeout | null = null
  let closed = false

  const unwatch = (): void => {
    watcher?.close()
    watcher = null
  }
  const watchDirectory = (): void => {
    try {
      watcher = watch(dirname(path), { persistent: false }, (_kind, name) => {
        if (name === null || name === basename(path)) soon()
      })
      watcher.on('error', unwatch)
    } catch {
      watcher = null
    }
  }
  const read = (): Look => {
    try {
      const text = readText(path)
      const reading = text === lastText ? null : readDocument(text)
      lastText = text
      if (watcher === null) watchDirectory()
      return { fresh: true, at: clock.now(), reading }
    } catch (error) {
      // A directory that went away takes its watch with it; the next good look starts a new one.
      if (reasonOf(error) === 'ENOENT') unwatch()
      return { fresh: false, reason: reasonOf(error) }
    }
  }
  const look = (): void => {
    if (!closed) onLook(read())
  }
  const soon = (): void => {
    settling ??= setTimeout(() => {
      settling = null
      look()
    }, settleMs).unref()
  }

  if (createWhereAbsent(path, `${JSON.stringify(options.defaults, null, 2)}\n`)) options.onCreated()
  look()
  const timer = setInterval(look, pollMs).unref()
  return {
    kind: 'file',
    look,
    close: async () => {
      closed = true
      clearInterval(timer)
      if (settling) clearTimeout(settling)
      unwatch()
    },
  }
}
