import { demoAgencies } from '../config/personas.ts'
import type { Clock } from '../domain/shared/clock.ts'
import { addAgency } from './host/agencies.ts'
import { importAppointmentsOnce } from './import-appointments.ts'
import { writeDemoDocuments } from './dev/demo-documents.ts'
import { writeDemoFiles } from './dev/demo-files.ts'

/** Adds the demo agencies, each with its calendar; running it again changes nothing. */
export const addDemo = async (ownerUrl: string, dataDir: string, clock: Clock): Promise<void> => {
  const files = writeDemoFiles(dataDir, clock.now())
  writeDemoDocuments(dataDir)
  const add = async (agency: (typeof demoAgencies)[number]): Promise<void> => {
    await addAgency(ownerUrl, agency)
    for (const file of files) {
      if (file.agencyId === agency.id) await importAppointmentsOnce({ ...file, ownerUrl, now: new Date(clock.now()) })
    }
  }
  const ends = await Promise.allSettled(demoAgencies.map(add))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
