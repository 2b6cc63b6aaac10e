import { createServer } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** A place to listen, and the variable that names its port. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly variable: 'PORT' | 'OPS_PORT'
}

const explain = (error: unknown, { host, port, variable }: Place): never => {
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} of ${host} is in use. Stop what listens there, or set ${variable} to another port.`,
    EACCES: `Port ${port} needs more rights than this user has. Set ${variable} to a port from 1024 up.`,
    EADDRNOTAVAIL: `${host} is no address of this machine. Set HOST to one that is.`,
    ENOTFOUND: `${host} is no address of this machine. Set HOST to one that is.`,
  }
  const sentence = sentences[(error as NodeJS.ErrnoException).code ?? '']
  throw sentence === undefined ? error : new Error(sentence, { cause: error })
}

/**
 * Listens for a moment, to learn before anything is opened whether the place can be had.
 * @throws Error with one sentence where it cannot
 */
export const tryPlace = async (place: Place): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const probe = createServer().once('error', reject)
  probe.listen({ host: place.host, port: place.port }, () => probe.close(() => resolve()))
  await promise.catch((error: unknown) => explain(error, place))
}

/** @returns the address @throws Error with one sentence where the place cannot be had */
export const listenAt = (app: FastifyInstance, place: Place): Promise<string> =>
  app.listen({ host: place.host, port: place.port }).catch((error: unknown) => explain(error, place))
