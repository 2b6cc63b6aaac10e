import pino, { type DestinationStream, type Logger } from 'pino'

export type Facts = Readonly<Record<string, string | number | boolean | null>>

/** The process's own log: events with codes and numbers. Request lines are written beside it, to the same destination. */
export interface Log {
  readonly destination: DestinationStream
  event(name: string, facts?: Facts): void
  warn(name: string, facts?: Facts): void
  error(name: string, facts?: Facts): void
}

export const createLog = (level: string, destination: DestinationStream = pino.destination({ fd: 1, sync: false, minLength: 0 })): Log => {
  const logger: Logger = pino(
    { level, base: null, messageKey: 'event', timestamp: () => `,"timestamp":"${new Date().toISOString()}"` },
    destination,
  )
  return {
    destination: level === 'silent' ? { write: () => undefined } : destination,
    event: (name, facts = {}) => logger.info(facts, name),
    warn: (name, facts = {}) => logger.warn(facts, name),
    error: (name, facts = {}) => logger.error(facts, name),
  }
}

/** Where a defect arose, without its message: that can quote input. */
export const placeOf = (error: unknown): Facts => {
  if (!(error instanceof Error)) return { kind: typeof error }
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  const code = (error as { code?: unknown }).code
  return {
    kind: error.name,
    code: typeof code === 'string' ? code : null,
    frames: frames.slice(0, 6).map((line) => line.trim()).join(' | '),
  }
}
