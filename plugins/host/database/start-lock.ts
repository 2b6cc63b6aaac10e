import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const tryTake = (path: string): boolean => {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

const dropIfDead = (path: string): void => {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    if (pid > 0 && !isAlive(pid)) rmSync(path, { force: true })
  } catch {
    // Its holder let go of it meanwhile.
  }
}

/**
 * Lets one process at a time do `work`; a holder that died is passed over.
 *
 * @throws Error where another process holds the lock for longer than `timeoutMs`.
 */
export const withStartLock = async <T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  while (!tryTake(path)) {
    if (performance.now() > deadline) throw new Error(`Another process holds ${path}: stop it, or remove that file.`)
    dropIfDead(path)
    await delay(25)
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}
