import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { personas, type Persona } from '../../config/personas.ts'
import { systemClock, type Clock } from '../../domain/shared/clock.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import type { IdentityAdmin } from '../host/identity-admin/identity-admin.ts'
import { createDevAccounts, type DevAccounts, linkPath } from './accounts.ts'
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
  /**
   * An access token as the issuer would give it to the persona: 15 minutes for people, 1 hour for machines.
   * @throws Refusal FORBIDDEN where the persona's account is closed
   */
  issueToken(persona: Persona, overrides?: TokenOverrides): string
  /** Administration of accounts: what Keycloak's stands for. */
  readonly accounts: IdentityAdmin
  /** The accounts that were made, as personas besides the demo's. */
  accountPersonas(): readonly Persona[]
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

const opened = 'Your account is open. You can sign in now.\n'
const closed = 'This link was used, has been replaced, or is too old.\n'

/** The page behind an account's link. */
const openAccount = (accounts: DevAccounts, token: string, response: ServerResponse): void => {
  const isOpen = accounts.openByLink(token)
  response.writeHead(isOpen ? 200 : 410, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
  response.end(isOpen ? opened : closed)
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
  const accounts = createDevAccounts({ dataDir, clock, address: () => issuer })
  const serveWith = (next: IssuerState): void => {
    const handle = new Provider(issuer, providerConfig(next, audience)).callback()
    answer = (request, response) => {
      if (request.method === 'GET' && request.url?.startsWith(linkPath)) openAccount(accounts, request.url.slice(linkPath.length), response)
      else void handle(request, response)
    }
    state = next
    saveState(dataDir, state)
  }
  serveWith({ ...state, port: bound })
  server.on(
    'request',
    underOwnName(`127.0.0.1:${bound}`, () => answer),
  )

  const issueToken = (persona: Persona, overrides: TokenOverrides = {}): string => {
    if (persona.providerId !== undefined && !accounts.mayHaveToken(persona)) throw new Refusal('FORBIDDEN')
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
  return { issuer, audience, client, issueToken, accounts: accounts.admin, accountPersonas: accounts.personas, rotateKeys, close }
}
