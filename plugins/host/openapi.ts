import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { hostPages } from './host-pages.ts'

interface DocumentOptions {
  /** Whether `/docs` is served; `/openapi.json` goes with it. */
  readonly serve: boolean
  readonly publicUrl: string | null
  readonly version: string
}

interface Parameter {
  readonly name: string
  readonly in: 'header'
  readonly required: boolean
  readonly schema: object
  readonly description?: string
}

interface HeaderSchema {
  readonly properties: Readonly<Record<string, { readonly description?: string }>>
  readonly required?: readonly string[]
}

const shownAs: Readonly<Record<string, string>> = { 'idempotency-key': 'Idempotency-Key', 'if-match': 'If-Match' }

/** Headers are documented, not validated by schema: the gates read them and refuse with a reason of their own. */
const headerParameters = ({ properties, required = [] }: HeaderSchema): Parameter[] =>
  Object.entries(properties).map(([name, { description }]) => ({
    name: shownAs[name] ?? name,
    in: 'header',
    required: required.includes(name),
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    ...(description ? { description } : {}),
  }))

type PathItem = Record<string, { parameters?: unknown[]; 'x-request-headers'?: HeaderSchema }>

const withHeaders = <T extends { paths?: object }>(document: T): T => {
  for (const item of Object.values((document.paths ?? {}) as Record<string, PathItem>)) {
    for (const operation of Object.values(item)) {
      const headers = operation?.['x-request-headers']
      if (!headers) continue
      operation.parameters = [...(operation.parameters ?? []), ...headerParameters(headers)]
      delete operation['x-request-headers']
    }
  }
  return document
}

/** OpenAPI 3.1 from the declarations, and a page that shows it. Register before the routes. */
export const documentRoutes = async (app: FastifyInstance, { serve, publicUrl, version }: DocumentOptions): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version,
        description: 'Backend for the portals. Errors are RFC 9457 problem documents; react to their `code` alone.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      ...(publicUrl ? { servers: [{ url: publicUrl }] } : {}),
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    hideUntagged: false,
    stripBasePath: false,
    transformObject: (document) => withHeaders('openapiObject' in document ? document.openapiObject : document.swaggerObject) as never,
  })
  if (!serve) return
  const page = { config: { hostPage: true }, schema: { hide: true } } as const
  app.get('/openapi.json', page, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  )
  await app.register(hostPages, {
    plugin: swaggerUi,
    options: { routePrefix: '/docs', uiConfig: { docExpansion: 'list', deepLinking: true }, staticCSP: true },
  })
}
