import { constants, createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Clock } from '../../../domain/shared/clock.ts'

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
const largestLine = 1024 * 1024

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

const chainsOf = (line: string): string[] => {
  try {
    const { checkpoint } = JSON.parse(line) as { checkpoint: string }
    return (JSON.parse(checkpoint) as { heads: [string, number][] }).heads.map(([agency, lane]) => `${agency}/${lane}`)
  } catch {
    return []
  }
}

/**
 * A finished day keeps, for each chain, the last line that names it: a later head stands for all before it, so nothing is lost that
 * verification needs, and a directory grows by days and chains instead of by commits.
 */
const thin = async (path: string): Promise<void> => {
  const last = new Map<string, string>()
  for await (const line of linesOf(path)) for (const chain of chainsOf(line)) last.set(chain, line)
  const thinned = `${path}.thinned`
  await writeFile(thinned, [...new Set(last.values())].map((line) => `${line}\n`).join(''), { mode: 0o600, flush: true })
  await rename(thinned, path).catch(async (error: unknown) => {
    await rm(thinned, { force: true })
    throw error
  })
}

/**
 * Checkpoints as NDJSON files, one per instance and UTC day, appended to and synced line by line.
 *
 * @param instance 1 to 64 letters, digits and hyphens; no two running instances may share it.
 */
export const fileCheckpoints = (directory: string, instance: string, clock: Clock): CheckpointStore => {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(instance)) throw new Error('an instance is named by 1 to 64 letters, digits and hyphens')
  let current: { readonly name: string; readonly handle: FileHandle } | undefined

  const openFile = async (name: string): Promise<FileHandle> => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const handle = await open(join(directory, name), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
    await syncDirectory(directory)
    return handle
  }

  const today = async (): Promise<FileHandle> => {
    const name = `${instance}.${new Date(clock.now()).toISOString().slice(0, 10)}.ndjson`
    if (current?.name === name) return current.handle
    const finished = current
    current = { name, handle: await openFile(name) }
    if (finished) {
      await finished.handle.close()
      // A file that may only be appended to stays as it is: then it is larger, and no less true.
      await thin(join(directory, finished.name)).catch(() => {})
    }
    return current.handle
  }

  const close = async (): Promise<void> => {
    const open = current
    current = undefined
    await open?.handle.close()
  }

  return {
    async append(line) {
      if (line.length > largestLine) throw new Error('a checkpoint line is too long')
      try {
        const handle = await today()
        // The newline in front ends a line that a crash has torn.
        await handle.appendFile(`\n${line}\n`)
        await handle.datasync()
      } catch (error) {
        await close().catch(() => {})
        throw error
      }
    },
    read: () => readCheckpointDirectory(directory),
    close,
  }
}
