import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoAgencies } from '../../config/personas.ts'
import { demoBundle } from './demo-bundle.ts'

/** Where a demo agency's file is. */
export interface DemoFile {
  readonly agencyId: string
  readonly path: string
}

/**
 * Writes each demo agency's patients and appointments to `DATA_DIR/demo/<agency>.fhir.json`, once: a file that is there stays as it is.
 *
 * @param nowMs the time that past and coming appointments go by
 */
export const writeDemoFiles = (dataDir: string, nowMs: number): DemoFile[] => {
  const directory = join(dataDir, 'demo')
  const today = new Date(nowMs).toISOString().slice(0, 10)
  mkdirSync(directory, { recursive: true })
  return demoAgencies.map((agency) => {
    const path = join(directory, `${agency.name.toLowerCase()}.fhir.json`)
    if (existsSync(path)) return { agencyId: agency.id, path }
    const aside = `${path}.${randomUUID()}`
    writeFileSync(aside, `${JSON.stringify(demoBundle(agency, today), null, 2)}\n`)
    renameSync(aside, path)
    return { agencyId: agency.id, path }
  })
}
