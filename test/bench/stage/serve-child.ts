import { setImmediate } from 'node:timers/promises'
import type { Usage } from './child.ts'

/** Twice, and the second time later: what buffers hold outside of the heap goes some time after the buffers. */
const collectAll = async (): Promise<void> => {
  const { gc } = globalThis as { gc?: () => void }
  for (let round = 0; round < 2; round += 1) {
    gc?.()
    await setImmediate()
  }
}

const usage = async (collect: boolean): Promise<Usage> => {
  if (collect) await collectAll()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed + external }
}

/** The other end of `startServer`: says where the server listens, answers questions, ends when told or when nobody is left to tell. */
export const serveParent = (port: number, close: () => Promise<void>): void => {
  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('message', (asked) => {
    if (asked === 'stop') end()
    else void usage(asked === 'collected usage').then((answer) => process.send?.(answer))
  })
  process.on('disconnect', end)
  process.on('SIGTERM', end)
  process.send?.({ port })
}
