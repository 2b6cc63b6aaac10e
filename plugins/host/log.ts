import pino, { type DestinationStream, type Logger } from 'pino'

export type Facts = Readonly<Record<string, string | number | boolean | null>>

/** The process's own log: events with codes and numbers. Request lines are written beside it, to the same destination. */
export interface Log {
  readonly destination: DestinationStream
  event(name: string, facts?: Facts): void
  warn(name: string, facts?: Facts): void
  error(name: string, facts?: Facts): void
}

/** Lines are written some at a time, and none waits for longer; what is left is written when the process ends, whatever ends it but a kill. */
const toStdout = (): DestinationStream => pino.destination({ fd: 1, sync: false, minLength: 4_096, periodicFlush: 50 })

export const createLog = (level: string, destination: DestinationStream = toStdout()): Log => {
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

/** A SQLSTATE, or a code of Node or of a library. */
const knownCode = /^([0-9A-Z]{5}|(E|ERR_|FST_|HPE_)[A-Z0-9_]{2,60})$/

const codeOf = (error: Error): string | null => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && knownCode.test(code) ? code : null
}

/** The stack's frames. The message before them can have lines that look like frames, and is cut off first. */
const framesOf = ({ message, stack = '' }: Error): string[] => {
  const start = stack.indexOf(message)
  if (start === -1) return []
  return stack
    .slice(start + message.length)
    .split('\n')
    .filter((line) => line.startsWith('    at '))
}

/** Where a defect arose, without its message: that can quote input. */
export const placeOf = (error: unknown): Facts => {
  if (!(error instanceof Error)) return { kind: typeof error }
  const frames = framesOf(error)
  return {
    // The class, not the name: a name can be set.
    kind: error.constructor.name,
    code: codeOf(error),
    frames: frames
      .slice(0, 6)
      .map((line) => line.trim())
      .join(' | '),
  }
}
