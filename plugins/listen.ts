import { createServer } from 'node:net'

/** A place to listen, and the variable that names its port. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly variable: 'PORT' | 'OPS_PORT'
}

const sentenceOf = (code: string | undefined, { host, port, variable }: Place): string | null => {
  if (code === 'EADDRINUSE') return `Port ${port} of ${host} is in use. Stop what listens there, or set ${variable} to another port.`
  if (code === 'EACCES') return `Port ${port} needs more rights than this user has. Set ${variable} to a port from 1024 up.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${host} is no address of this machine. Set HOST to one that is.`
  return null
}

/** @throws Error with one sentence for a person, where one is known for the failure */
export const explainListening = (error: unknown, place: Place): never => {
  const sentence = sentenceOf((error as NodeJS.ErrnoException).code, place)
  throw sentence === null ? error : new Error(sentence, { cause: error })
}

/**
 * Listens for a moment, to learn before anything is opened whether the place can be had.
 * @throws Error with one sentence where it cannot
 */
export const tryPlace = (place: Place): Promise<void> =>
  new Promise<void>((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host: place.host, port: place.port, exclusive: true }, () => probe.close(() => resolve()))
  }).catch((error: unknown) => explainListening(error, place))
