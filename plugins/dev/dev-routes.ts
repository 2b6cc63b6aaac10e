import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { personaNamed, personas, type Persona } from '../../config/personas.ts'
import { invalid } from '../../domain/shared/refusal.ts'
import type { DevIssuer } from './issuer.ts'
import { requireLoopback } from './loopback.ts'

export interface DevRoutesOptions {
  readonly issuer: Pick<DevIssuer, 'issueToken' | 'accountPersonas'>
}

const listed = Type.Object({
  items: Type.Array(
    Type.Object({
      persona: Type.String(),
      sub: Type.String(),
      agencyId: Type.String(),
      patientId: Type.Optional(Type.String()),
      providerId: Type.Optional(Type.String()),
      roles: Type.Array(Type.String()),
    }),
  ),
})
const asked = Type.Object({ persona: Type.String({ minLength: 1, maxLength: 100 }) }, { additionalProperties: false })
const given = Type.Object({ access_token: Type.String() })
const described = (operationId: string, summary: string) => ({ tags: ['development'], security: [], operationId, summary })

const shown = (one: Persona) => {
  const { persona, sub, agencyId, patientId, providerId, roles } = one
  return { persona, sub, agencyId, patientId, providerId, roles }
}

/**
 * Personas of the demo data and tokens for them: `GET /dev/personas`, `POST /dev/token`. For development on this machine
 * alone. An unknown persona is a violated rule of the body. @see design, section 10
 */
const setup = async (app: FastifyInstance, { issuer }: DevRoutesOptions): Promise<void> => {
  app.addHook('onRequest', requireLoopback)
  app.get('/dev/personas', { schema: { ...described('devPersonas', 'The demo personas'), response: { 200: listed } } }, async () => ({
    items: [...personas, ...issuer.accountPersonas()].map(shown),
  }))
  app.post<{ Body: { persona: string } }>(
    '/dev/token',
    { schema: { ...described('devToken', 'An access token of a persona'), body: asked, response: { 200: given } } },
    async (request, reply) => {
      const { persona: name } = request.body
      const persona = personaNamed(name) ?? issuer.accountPersonas().find((one) => one.persona === name)
      if (persona === undefined) throw invalid('/persona', 'enum')
      reply.header('cache-control', 'no-store')
      return { access_token: issuer.issueToken(persona) }
    },
  )
}

export const devRoutes = fp(setup, { name: 'dev-routes', encapsulate: true })
