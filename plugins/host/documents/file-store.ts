import { createReadStream } from 'node:fs'
import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { newId } from '../../../domain/shared/ids.ts'
import { checkedKey, type ObjectStore } from './object-store.ts'
import { removeForgotten } from './spool.ts'

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** What stands in a file or a folder is on the disk when this resolves. */
const flush = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Objects as files below a directory: 0600 in folders of 0700, put in place as a whole by a rename. */
export const fileStore = async (directory: string): Promise<ObjectStore> => {
  const incoming = join(directory, 'incoming', newId())
  const objects = join(directory, 'objects')
  for (const folder of [incoming, objects]) await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeForgotten(dirname(incoming), '')
  const pathOf = (key: string): string => join(objects, checkedKey(key))

  return {
    incoming,
    async put(key, { path }) {
      const place = pathOf(key)
      const made = await mkdir(dirname(place), { recursive: true, mode: 0o700 })
      if (made !== undefined) await flush(objects)
      await flush(path)
      await rename(path, place)
      await flush(dirname(place))
    },
    async get(key) {
      const place = pathOf(key)
      try {
        await access(place)
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
      return createReadStream(place, { highWaterMark: 65_536 })
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    async check() {
      await access(objects)
      return true
    },
    close: () => rm(incoming, { recursive: true, force: true }),
  }
}
