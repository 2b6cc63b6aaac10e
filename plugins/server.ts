import closeWithGrace from 'close-with-grace'
import { ConfigError, loadConfig, type AppConfig } from '../config/env.ts'
import { buildApp, type Postern } from './app.ts'
import { firstSteps } from './dev/first-steps.ts'

/** Longest that requests in flight are waited for at shutdown, in milliseconds. */
const graceMs = 15_000

const listen = async ({ app, ops }: Postern, { server }: AppConfig): Promise<string> => {
  const address = await app.listen({ host: server.host, port: server.port })
  if (server.opsPort !== null) await ops.listen({ host: '127.0.0.1', port: server.opsPort })
  return address
}

const fail = (error: unknown): never => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error as Error).message}\n`)
  process.exit(1)
}

const start = async (): Promise<void> => {
  const config = loadConfig()
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
