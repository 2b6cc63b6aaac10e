import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'

/** Profiles this process from now on: what starting it cost is left out. @returns what ends the profile and writes it into `directory` */
export const startProfile = async (directory: string): Promise<() => Promise<void>> => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 500 })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    writeFileSync(join(directory, `service-${process.pid}.cpuprofile`), JSON.stringify(profile))
  }
}
