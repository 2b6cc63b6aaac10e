import { createHash } from 'node:crypto'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spooled } from './object-store.ts'

/** Counts and digests what passes. */
export const counted = () => {
  const digest = createHash('sha256')
  let size = 0
  return {
    see(chunk: Buffer): void {
      digest.update(chunk)
      size += chunk.length
    },
    size: () => size,
    sha256: () => digest.digest('hex'),
  }
}

/** Writes what is sealed into a new private file. */
export const writeSpool = async (path: string, sealed: AsyncIterable<Buffer>): Promise<Spooled> => {
  const written = counted()
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of sealed) {
      written.see(chunk)
      await file.write(chunk)
    }
  } finally {
    await file.close()
  }
  return { path, size: written.size(), sha256: written.sha256() }
}

/** Milliseconds after which what another process left unfinished is of no use to anybody. */
const forgottenMs = 24 * 3_600_000

/** Removes what another process left unfinished in a folder, under names that begin so; others may be at work there. */
export const removeForgotten = async (folder: string, prefix: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => null)
    if (found && Date.now() - found.mtimeMs > forgottenMs) await rm(path, { recursive: true, force: true })
  }
}
