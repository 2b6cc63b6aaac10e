// The real service, configured by its environment as in production, on a real socket; one context more, for what the platform costs.
import type { AddressInfo } from 'node:net'
import { loadConfig } from '../../../config/env.ts'
import { buildApp } from '../../../plugins/app.ts'
import { contexts } from '../../../plugins/contexts.ts'
import { serveParent } from '../stage/serve-child.ts'
import { probeContext, probeContract } from './probe.ts'

const config = loadConfig()
const postern = await buildApp(config, { contexts: [...contexts, probeContext], contract: probeContract })
await postern.app.listen({ host: '127.0.0.1', port: 0 })
serveParent((postern.app.server.address() as AddressInfo).port, () => postern.close())
