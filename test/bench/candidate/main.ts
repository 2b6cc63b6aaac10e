// The real service, configured by its environment as in production, on a real socket; one context more, for what the platform costs.
import type { AddressInfo } from 'node:net'
import { loadConfig } from '../../../config/env.ts'
import { buildApp } from '../../../plugins/app.ts'
import { contexts } from '../../../plugins/contexts.ts'
import { startProfile } from '../stage/cpu-profile.ts'
import { serveParent } from '../stage/serve-child.ts'
import { probeContext, probeContract } from './probe.ts'

export interface CandidateSettings {
  /** Where the profile of its processor time goes; null: it is not profiled. */
  readonly profile: string | null
}

const { profile } = JSON.parse(process.argv[2]!) as CandidateSettings
const config = loadConfig()
const postern = await buildApp(config, { contexts: [...contexts, probeContext], contract: probeContract })
await postern.app.listen({ host: '127.0.0.1', port: 0 })
const endProfile = profile === null ? null : await startProfile(profile)
serveParent((postern.app.server.address() as AddressInfo).port, async () => {
  await endProfile?.()
  await postern.close()
})
