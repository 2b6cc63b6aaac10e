import type { Usage } from './child.ts'

const usage = (collect: boolean): Usage => {
  if (collect) (globalThis as { gc?: () => void }).gc?.()
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
    else process.send?.(usage(asked === 'collected usage'))
  })
  process.on('disconnect', end)
  process.on('SIGTERM', end)
  process.send?.({ port })
}
