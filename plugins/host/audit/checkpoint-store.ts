import { constants, createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Clock } from '../../../domain/shared/clock.ts'
import { largestLine, newestLines } from './checkpoint-lines.ts'

/**
 * Where signed heads are kept, out of reach of the database's owner: a directory here, an object store with a lock elsewhere.
 */
export interface CheckpointStore {
  /** Adds a line (without newline); durable when it resolves. */
  append(line: string): Promise<void>
  /** Every line that the store holds, of every instance, in no particular order. */
  read(): AsyncIterable<string>
  close(): Promise<void>
}

const fileName = /^[A-Za-z0-9-]{1,64}\.\d{4}-\d{2}-\d{2}\.ndjson$/
const dayMs = 24 * 3600 * 1000

const linesOf = async function* (path: string): AsyncIterable<string> {
  const input = createReadStream(path, { encoding: 'utf8' })
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line.length > 0 && line.length <= largestLine) yield line
    }
  } finally {
    input.destroy()
  }
}

const filesOf = async (directory: string): Promise<string[]> => {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => fileName.test(name)).sort()
}

/** Every line of a directory of checkpoint files; an absent directory has none. */
export const readCheckpointDirectory = async function* (directory: string): AsyncIterable<string> {
  for (const name of await filesOf(directory)) yield* linesOf(join(directory, name))
}

const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * A thinned file keeps, for each chain, the last line that names it: nothing is lost that verification needs, and a directory grows by
 * days and chains instead of by commits.
 */
const thin = async (path: string): Promise<void> => {
  const newest = newestLines()
  for await (const line of linesOf(path)) newest.add(line)
  const thinned = `${path}.thinned`
  await writeFile(
    thinned,
    newest
      .lines()
      .map((line) => `${line}\n`)
      .join(''),
    { mode: 0o600, flush: true },
  )
  await rename(thinned, path).catch(async (error: unknown) => {
    await rm(thinned, { force: true })
    throw error
  })
}

/** Files of finished days that are still large, of instances that ended before they could thin them. */
const thinOldFiles = async (directory: string, today: string, large: number): Promise<void> => {
  const [dayBefore] = new Date(Date.parse(today) - dayMs).toISOString().split('T')
  for (const name of await filesOf(directory)) {
    // Yesterday's may still be written to by an instance whose clock is behind.
    const old = name.split('.')[1]! < dayBefore!
    if (old && (await stat(join(directory, name))).size > large) await thin(join(directory, name))
  }
}

/**
 * Checkpoints as NDJSON files, one per instance and UTC day, appended to and synced line by line. A file that grows past `largestFile`
 * bytes, or whose day is over, is thinned.
 *
 * @param instance 1 to 64 letters, digits and hyphens; no two running instances may share it.
 */
export const fileCheckpoints = (directory: string, instance: string, clock: Clock, largestFile = 16 * 1024 * 1024): CheckpointStore => {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(instance)) throw new Error('an instance is named by 1 to 64 letters, digits and hyphens')
  let current: { readonly name: string; readonly handle: FileHandle; bytes: number } | undefined

  const openFile = async (name: string): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const handle = await open(join(directory, name), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
    current = { name, handle, bytes: (await handle.stat()).size }
    await syncDirectory(directory)
  }

  const close = async (): Promise<void> => {
    const open = current
    current = undefined
    await open?.handle.close()
  }

  // A file that may only be appended to stays as it is: then it is larger, and no less true.
  const tidy = async (work: Promise<void>): Promise<void> => work.catch(() => {})

  const ready = async (): Promise<NonNullable<typeof current>> => {
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    const name = `${instance}.${day}.ndjson`
    const before = current
    if (before && (before.name !== name || before.bytes > largestFile)) {
      await close()
      await tidy(thin(join(directory, before.name)))
    }
    if (!current) await openFile(name)
    if (before?.name !== name) await tidy(thinOldFiles(directory, day, largestFile / 16))
    return current!
  }

  return {
    async append(line) {
      if (line.length > largestLine) throw new Error('a checkpoint line is too long')
      try {
        const file = await ready()
        // The newline in front ends a line that a crash has torn.
        await file.handle.appendFile(`\n${line}\n`)
        await file.handle.datasync()
        file.bytes += line.length + 2
      } catch (error) {
        await close().catch(() => {})
        throw error
      }
    },
    read: () => readCheckpointDirectory(directory),
    close,
  }
}
