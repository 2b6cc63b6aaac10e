import type { FastifyInstance } from 'fastify'

/** One thing that the service cannot work without. */
export interface Dependency {
  readonly name: string
  /** True: the service answers without it, and is ready; operators see it. */
  readonly optional?: boolean
  /** Resolves where it works; bounded by the caller. */
  check(): Promise<boolean>
}

const withinMs = 1_000

const ask = async ({ name, check }: Dependency): Promise<readonly [string, boolean]> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs).unref()
  })
  const works = await Promise.race([check().catch(() => false), late])
  clearTimeout(timer)
  return [name, works]
}

/** The state of every dependency. */
export const readiness = async (
  dependencies: readonly Dependency[],
): Promise<{ ready: boolean; dependencies: Record<string, boolean> }> => {
  const answers = await Promise.all(dependencies.map(ask))
  const needed = answers.filter((_, index) => !dependencies[index]!.optional)
  return { ready: needed.every(([, works]) => works), dependencies: Object.fromEntries(answers) }
}

const page = { config: { hostPage: true }, schema: { hide: true } } as const

/** `/health/live`: the process answers. `/health/ready`: so does what it depends on. In public neither says more. */
export const serveHealth = (app: FastifyInstance, dependencies: readonly Dependency[], isClosing: () => boolean): void => {
  app.get('/health/live', page, async () => ({ status: 'live' }))
  app.get('/health/ready', page, async (_request, reply) => {
    const { ready } = await readiness(dependencies)
    if (!ready || isClosing()) reply.code(503)
    return { status: ready && !isClosing() ? 'ready' : 'not ready' }
  })
}

/** What only operators see, on a port of their own: metrics, and readiness per dependency and context. */
export const serveOps = (
  app: FastifyInstance,
  options: {
    readonly dependencies: readonly Dependency[]
    readonly contexts: () => readonly string[]
    readonly metrics: { text(): Promise<string>; readonly contentType: string }
  },
): void => {
  app.get('/metrics', page, async (_request, reply) => reply.type(options.metrics.contentType).send(await options.metrics.text()))
  app.get('/health/detail', page, async (_request, reply) => {
    const state = await readiness(options.dependencies)
    if (!state.ready) reply.code(503)
    return { ...state, contexts: options.contexts() }
  })
}
