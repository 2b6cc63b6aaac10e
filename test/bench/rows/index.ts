import type { BenchOptions } from '../options.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { advisorRetrieval } from './advisor.ts'
import { readAppointments } from './appointments.ts'
import { deaGrowth } from './dea-growth.ts'
import { flipsOfFile, flipsOfUnleash } from './flips.ts'
import { growth } from './growth.ts'
import { readTail, sendTail } from './latency.ts'
import { providerAdministration } from './provider-administration.ts'
import { providerSearch } from './provider-search.ts'
import { rest } from './rest.ts'
import { soak } from './soak.ts'
import { overhead, readConsent, readMessages, sendOneAgency, sendSpread } from './throughput.ts'
import { upload } from './upload.ts'
import { verify } from './verify.ts'

/** One measurement, which may give several rows. */
export interface Measurement {
  readonly name: string
  readonly run: (rig: Rig) => Promise<Row[]>
  /** Needs more time or more of the machine than every run should take. */
  readonly fullOnly?: boolean
  /** Gives rows that another one gives too: measured where it is asked for by name. */
  readonly part?: boolean
}

/** In the order of the table. @see design, section 11 */
const measurements: readonly Measurement[] = [
  { name: 'send-one', run: sendOneAgency },
  { name: 'send-spread', run: sendSpread },
  { name: 'read-messages', run: readMessages },
  { name: 'read-consent', run: readConsent },
  { name: 'read-appointments', run: readAppointments },
  { name: 'overhead', run: overhead },
  { name: 'p99-send', run: sendTail },
  { name: 'p99-read', run: readTail },
  { name: 'growth', run: growth },
  { name: 'dea-growth', run: deaGrowth },
  { name: 'provider-administration', run: providerAdministration },
  { name: 'provider-search', run: providerSearch, part: true },
  { name: 'advisor-retrieval', run: advisorRetrieval },
  { name: 'verify', run: verify },
  { name: 'flips-file', run: flipsOfFile },
  { name: 'flips-unleash', run: flipsOfUnleash, fullOnly: true },
  { name: 'rest', run: rest },
  { name: 'upload', run: upload },
  { name: 'soak', run: soak },
]

/** Those that were asked for. @throws Error where a name fits none */
export const chosen = ({ only, full }: BenchOptions): Measurement[] => {
  const runs = ({ name, fullOnly, part }: Measurement): boolean => name === only || (!part && (full || !fullOnly))
  const found = measurements.filter((one) => (only === null || one.name.includes(only)) && runs(one))
  if (found.length === 0) throw new Error(`No measurement is named ${only}: there are ${measurements.map(({ name }) => name).join(', ')}.`)
  return found
}
