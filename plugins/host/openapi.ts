import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'

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
  readonly properties: Readonly<Record<string, { readonly description?: string; readonly minLength: number; readonly maxLength: number }>>
  readonly required?: readonly string[]
}

const shownAs: Readonly<Record<string, string>> = {
  'idempotency-key': 'Idempotency-Key',
  'if-match': 'If-Match',
  'x-agency': 'X-Agency',
  'x-access-reason': 'X-Access-Reason',
  'tus-resumable': 'Tus-Resumable',
  'upload-length': 'Upload-Length',
  'upload-metadata': 'Upload-Metadata',
  'upload-offset': 'Upload-Offset',
}

/** Headers are documented, not validated by schema: the gates read them and refuse with a reason of their own. */
const headerParameters = ({ properties, required = [] }: HeaderSchema): Parameter[] =>
  Object.entries(properties).map(([name, { description, minLength, maxLength }]) => ({
    name: shownAs[name] ?? name,
    in: 'header',
    required: required.includes(name),
    schema: { type: 'string', minLength, maxLength },
    ...(description ? { description } : {}),
  }))

type PathItem = Record<string, { operationId?: string; parameters?: unknown[]; 'x-request-headers'?: HeaderSchema }>

const withHeaders = <T extends { paths?: object }>(document: T): T => {
  for (const item of Object.values((document.paths ?? {}) as Record<string, PathItem>)) {
    for (const operation of Object.values(item)) {
      // The plugin takes every HEAD for the shadow of a GET; here it is declared, and has a name of its own.
      if (operation?.operationId) operation.operationId = operation.operationId.replace(/-head$/, '')
      const headers = operation?.['x-request-headers']
      if (!headers) continue
      operation.parameters = [...(operation.parameters ?? []), ...headerParameters(headers)]
      delete operation['x-request-headers']
    }
  }
  return document
}

const isShown = ({ schema }: RouteOptions): boolean => schema !== undefined && (schema as { hide?: boolean }).hide !== true

/** An instance of its own with the same routes, which only documents them: nothing reaches a handler in it. */
const openDocumentation = async (routes: readonly RouteOptions[], { publicUrl, version }: DocumentOptions): Promise<FastifyInstance> => {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([import('@fastify/swagger'), import('@fastify/swagger-ui')])
  const pages: FastifyInstance = Fastify({ exposeHeadRoutes: false })
  pages.setValidatorCompiler(() => () => true)
  await pages.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version,
        description: 'Backend for the portals. Errors are RFC 9457 problem documents; react to their `code` alone.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      ...(publicUrl ? { servers: [{ url: publicUrl }] } : {}),
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'Sealed, for one record, one use and 60 s' },
        },
      },
    },
    hideUntagged: false,
    stripBasePath: false,
    exposeHeadRoutes: true,
    transformObject: (document) => withHeaders('openapiObject' in document ? document.openapiObject : document.swaggerObject) as never,
  })
  await pages.register(swaggerUi, { routePrefix: '/docs', uiConfig: { docExpansion: 'list', deepLinking: true }, staticCSP: true })
  for (const { method, url, schema } of routes.filter(isShown)) pages.route({ method, url, schema: schema!, handler: () => null })
  await pages.ready()
  return pages
}

/** Headers of a page that go on; all others are those of every answer. */
const passedOn = ['content-type', 'content-security-policy', 'cache-control', 'etag', 'last-modified', 'location'] as const

const passOn = async (pages: FastifyInstance, request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
  const asked = request.headers['if-none-match']
  const { statusCode, headers, rawPayload } = await pages.inject({ url: request.url, headers: asked ? { 'if-none-match': asked } : {} })
  // Their own answers are no problem documents.
  if (statusCode >= 400) return reply.callNotFound()
  for (const name of passedOn) if (headers[name] !== undefined) reply.header(name, headers[name])
  return reply.code(statusCode).send(rawPayload)
}

/**
 * OpenAPI 3.1 from the declarations, and a page that shows it. Register before the routes. The document, and the packages that make it,
 * are loaded when somebody first looks: every start would pay for them otherwise.
 */
export const documentRoutes = (app: FastifyInstance, options: DocumentOptions): void => {
  if (!options.serve) return
  const routes: RouteOptions[] = []
  let opening: Promise<FastifyInstance> | undefined
  const documentation = (): Promise<FastifyInstance> =>
    (opening ??= openDocumentation(routes, options).catch((error: unknown) => {
      // What failed once is not remembered, and holds up no shutdown.
      opening = undefined
      throw error
    }))
  const page = { config: { hostPage: true }, schema: { hide: true } } as const
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onClose', async () => opening?.then((pages) => pages.close()).catch(() => undefined))
  app.get('/openapi.json', page, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify((await documentation()).swagger())),
  )
  for (const url of ['/docs', '/docs/*']) app.get(url, page, async (request, reply) => passOn(await documentation(), request, reply))
}
