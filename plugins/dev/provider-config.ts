import { randomBytes } from 'node:crypto'
import type { Adapter, Configuration, JWKS } from 'oidc-provider'
import { personas } from '../../config/personas.ts'
import type { IssuerAlgorithm, IssuerState } from './issuer-state.ts'
import { identityClaims, personTokenSeconds, serviceTokenSeconds } from './sign-token.ts'

const services = personas.filter((one) => one.roles.includes('service'))
const serviceOf = (clientId: string | undefined) => services.find((one) => one.persona === clientId)

/** The grant that is offered stores nothing, so nothing is kept. */
const forgetful = (): Adapter => {
  const nothing = async (): Promise<undefined> => undefined
  return {
    upsert: nothing,
    find: nothing,
    findByUserCode: nothing,
    findByUid: nothing,
    consume: nothing,
    destroy: nothing,
    revokeByGrantId: nothing,
  }
}

/** One resource server, Postern; its tokens are JWTs with the claims that Postern reads. */
const resource = (audience: string, alg: IssuerAlgorithm) => ({
  enabled: true,
  defaultResource: () => 'urn:postern:api',
  useGrantedResource: () => true,
  getResourceServerInfo: () => ({
    scope: [...new Set(services.flatMap((one) => one.scopes))].join(' '),
    audience,
    accessTokenTTL: serviceTokenSeconds,
    accessTokenFormat: 'jwt' as const,
    jwt: { sign: { alg } },
  }),
})

/** The configuration of oidc-provider: discovery, keys and client credentials of the demo's machine clients, nothing else. */
export const providerConfig = (state: IssuerState, audience: string): Configuration => {
  const alg = state.keys[0]!['alg'] as IssuerAlgorithm
  return {
    adapter: forgetful,
    jwks: { keys: state.keys as JWKS['keys'] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clientDefaults: { id_token_signed_response_alg: alg },
    clients: services.map((one) => ({
      client_id: one.persona,
      client_secret: state.clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: one.scopes.join(' '),
    })),
    scopes: [...new Set(services.flatMap((one) => one.scopes))],
    responseTypes: ['code'],
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: resource(audience, alg),
    },
    ttl: { ClientCredentials: serviceTokenSeconds, AccessToken: personTokenSeconds },
    extraTokenClaims: (_context, token) => identityClaims(serviceOf(token.clientId)!) as never,
    formats: {
      customizers: {
        jwt: (_context, token, jwt) => {
          jwt.payload['sub'] = serviceOf(token.clientId)!.sub
        },
      },
    },
  }
}
