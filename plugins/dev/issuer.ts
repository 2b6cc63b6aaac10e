import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { personas, type Persona } from '../../config/personas.ts'
import { systemClock, type Clock } from '../../domain/shared/clock.ts'
import { loadState, newKey, saveState, type IssuerAlgorithm, type IssuerState } from './issuer-state.ts'
import { providerConfig } from './provider-config.ts'
import { signToken, tokenClaims, type TokenOverrides } from './sign-token.ts'

export interface DevIssuerOptions {
  /** Where keys, the client secret and the last port are kept, in `issuer.json`. */
  readonly dataDir: string
  readonly audience: string
  /** 0 for any free one; the last one used, where it is free, unless told. */
  readonly port?: number
  /** Of new keys; kept keys keep theirs. */
  readonly algorithm?: IssuerAlgorithm
  /** Times of `issueToken`. The token endpoint goes by the system's clock. */
  readonly clock?: Clock
}

export interface DevIssuer {
  /** Its identifier and base address, on loopback. */
  readonly issuer: string
  readonly audience: string
  /** For `client_credentials` at the token endpoint (`/token`). */
  readonly client: { readonly id: string; readonly secret: string }
  /** An access token as the issuer would give it to the persona: 15 minutes for people, 1 hour for machines. */
  issueToken(persona: Persona, overrides?: TokenOverrides): string
  /** Signs with a new key from now on; the old ones stay listed unless `retire`. */
  rotateKeys(options?: { readonly retire?: boolean }): void
  close(): Promise<void>
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })

const listenWhereItWas = async (server: Server, kept: number): Promise<number> => {
  try {
    return await listen(server, kept)
  } catch {
    return listen(server, 0)
  }
}

/** Answers under its own name only: a page that rebinds its name to loopback gets nothing. */
const underOwnName =
  (host: string, handler: () => RequestListener): RequestListener =>
  (request, response) => {
    if (request.headers.host === host) return handler()(request, response)
    response.writeHead(421).end()
  }

/** Loaded when first needed: a production process never pays for it. */
const loadProvider = async () => (await import('oidc-provider')).Provider

/**
 * The development token issuer: a real OpenID provider on a loopback listener of its own, with discovery, keys and client
 * credentials. Tokens of people are signed here without a login page: this is for development and refuses to be anything else,
 * because it binds to loopback and nothing configures that.
 */
export const startDevIssuer = async (options: DevIssuerOptions): Promise<DevIssuer> => {
  const { dataDir, audience, port, algorithm = 'RS256', clock = systemClock } = options
  const Provider = await loadProvider()
  let state: IssuerState = loadState(dataDir, algorithm)
  let answer: RequestListener = (_request, response) => void response.writeHead(503).end()
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 })
  server.maxConnections = 256

  const bound = port === undefined ? await listenWhereItWas(server, state.port) : await listen(server, port)
  const issuer = `http://127.0.0.1:${bound}`
  const serveWith = (next: IssuerState): void => {
    const handle = new Provider(issuer, providerConfig(next, audience)).callback()
    answer = (request, response) => void handle(request, response)
    state = next
    saveState(dataDir, state)
  }
  serveWith({ ...state, port: bound })
  server.on(
    'request',
    underOwnName(`127.0.0.1:${bound}`, () => answer),
  )

  const issueToken = (persona: Persona, overrides: TokenOverrides = {}): string => {
    const claims = tokenClaims(persona, { issuer, audience, nowMs: clock.now() }, overrides.lifetimeSeconds)
    return signToken(state.keys[0]!, claims, overrides)
  }
  const rotateKeys = ({ retire = false } = {}): void =>
    serveWith({ ...state, keys: [newKey(state.keys[0]!['alg'] as IssuerAlgorithm), ...(retire ? [] : state.keys.slice(0, 2))] })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })

  const client = { id: personas.find((one) => one.roles.includes('service'))!.persona, secret: state.clientSecret }
  return { issuer, audience, client, issueToken, rotateKeys, close }
}
