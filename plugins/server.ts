import closeWithGrace from 'close-with-grace'
import { loadConfig, type AppConfig } from '../config/env.ts'
import { systemClock } from '../domain/shared/clock.ts'
import type { Postern } from './app.ts'
import { firstSteps } from './dev/first-steps.ts'
import { placeOf } from './host/log.ts'
import { sentenceOf } from './host/sentence-of.ts'
import { listenAt, tryPlace, type Place } from './listen.ts'
import { openSurroundings } from './surroundings.ts'

/** Longest that requests in flight are waited for at shutdown, in milliseconds. */
const graceMs = 15_000

const mainPlace = ({ server }: AppConfig): Place => ({ host: server.host, port: server.port, variable: 'PORT' })
const opsPlace = ({ server }: AppConfig): Place | null =>
  server.opsPort === null ? null : { host: '127.0.0.1', port: server.opsPort, variable: 'OPS_PORT' }

const tryPlaces = async (config: AppConfig): Promise<void> => {
  for (const place of [mainPlace(config), opsPlace(config)]) if (place) await tryPlace(place)
}

const listen = async ({ app, ops }: Postern, config: AppConfig): Promise<string> => {
  const [address, place] = [await listenAt(app, mainPlace(config)), opsPlace(config)]
  if (place) await listenAt(ops, place)
  return address
}

/** A signal within this time after the first is its echo: npm and the watcher pass on what the terminal has sent to all. Milliseconds. */
const echoMs = 1_000

/** Stops on the first signal. One that comes again later comes from somebody who will not wait. */
const stopOnSignal = (stop: () => void): void => {
  let first: number | undefined
  const onSignal = (): void => {
    if (first === undefined) stop()
    else if (performance.now() - first > echoMs) process.exit(1)
    first ??= performance.now()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
}

/** Closes on a signal, on a crash, at the end. A signal that comes during the start waits for it: nothing is left half open. */
const closeInTime = (building: Promise<Postern>): { readonly closing: () => boolean } => {
  let closing = false
  const { close } = closeWithGrace({ delay: graceMs, logger: false, skip: ['SIGINT', 'SIGTERM'] }, async ({ err }) => {
    closing = true
    const postern = await building.catch(() => null)
    if (err) postern?.log.error('crash', placeOf(err))
    await postern?.close()
  })
  stopOnSignal(close)
  return { closing: () => closing }
}

/** A database of one's own starts while the code of the service loads: neither waits for the other. */
const build = async (config: AppConfig): Promise<Postern> => {
  const launched = Promise.withResolvers<void>()
  const surroundings = openSurroundings(config, systemClock, launched.resolve)
  // Whatever it says is said where it is waited for; here it only must not hold up the rest.
  surroundings.catch(launched.resolve)
  await launched.promise
  const { buildApp } = await import('./app.ts')
  return buildApp(config, {}, surroundings).catch(async (error: unknown) => {
    await surroundings.then((opened) => opened.close()).catch(() => undefined)
    throw error
  })
}

/** The demo's people are there before anybody can ask for them; a start without one of them is a start all the same. */
const seedDemo = async ({ app, parts, log }: Postern): Promise<void> => {
  const { seedDemoProvider } = await import('./demo-provider.ts')
  await seedDemoProvider({ app, parts, now: () => new Date() }).catch((error: unknown) => log.warn('demo', placeOf(error)))
}

const start = async (): Promise<void> => {
  const config = loadConfig()
  await tryPlaces(config)
  const building = build(config)
  const { closing } = closeInTime(building)
  const postern = await building
  if (closing()) return
  if (config.profile === 'development') await seedDemo(postern)
  if (closing()) return
  const address = await listen(postern, config).catch(async (error: unknown) => {
    await postern.close()
    throw error
  })
  postern.log.event('listening', { address, profile: config.profile })
  if (config.profile === 'development') process.stdout.write(firstSteps(address, config))
}

await start().catch((error: unknown) => {
  process.stderr.write(`${sentenceOf(error)}\n`)
  process.exit(1)
})
