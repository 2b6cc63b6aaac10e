import closeWithGrace from 'close-with-grace'
import { ConfigError, loadConfig, type AppConfig } from '../config/env.ts'
import { buildApp, type Postern } from './app.ts'
import { firstSteps } from './dev/first-steps.ts'
import { explainListening, tryPlace, type Place } from './listen.ts'

/** Longest that requests in flight are waited for at shutdown, in milliseconds. */
const graceMs = 15_000

const placesOf = ({ server }: AppConfig): { main: Place; ops: Place | null } => ({
  main: { host: server.host, port: server.port, variable: 'PORT' },
  ops: server.opsPort === null ? null : { host: '127.0.0.1', port: server.opsPort, variable: 'OPS_PORT' },
})

const listen = async ({ app, ops }: Postern, config: AppConfig): Promise<string> => {
  const places = placesOf(config)
  const address = await app.listen({ host: places.main.host, port: places.main.port }).catch((error: unknown) => explainListening(error, places.main))
  if (places.ops) await ops.listen({ host: places.ops.host, port: places.ops.port }).catch((error: unknown) => explainListening(error, places.ops!))
  return address
}

const fail = (error: unknown): never => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error as Error).message}\n`)
  process.exit(1)
}

const start = async (): Promise<void> => {
  const config = loadConfig()
  for (const place of Object.values(placesOf(config))) if (place) await tryPlace(place)
  const postern = await buildApp(config)
  const address = await listen(postern, config).catch(async (error: unknown) => {
    await postern.close()
    throw error
  })
  postern.log.event('listening', { address, profile: config.profile })
  if (config.profile === 'development') process.stdout.write(firstSteps(address, config))
  closeWithGrace({ delay: graceMs, logger: false }, async ({ err }) => {
    if (err) postern.log.error('crash', { kind: err.name })
    await postern.close()
  })
}

await start().catch(fail)
