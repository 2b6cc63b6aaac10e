import type { FastifyInstance } from 'fastify'
import { codes, type Code } from '../../domain/shared/codes.ts'
import { catalogue, typeOf } from '../../routes/shared/problems.ts'

const row = (reason: string, { status, detail }: { status: number; detail: string }): string =>
  `<tr><td>${status}</td><td>${reason === 'default' ? '' : `<code>${reason}</code>`}</td><td>${detail}</td></tr>`

/** The page of one code: every status and reason that it comes with, and what to do. */
export const pageOf = (code: Code): string => {
  const { title, reasons } = catalogue[code]
  const rows = Object.entries(reasons as Record<string, { status: number; detail: string }>).map(([reason, entry]) => row(reason, entry))
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${code}</title></head><body><main><h1>${title}</h1>
<p><code>${code}</code></p><table><thead><tr><th>Status</th><th>Reason</th><th>Meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></main></body></html>
`
}

/** Serves every problem type at the address that its `type` names. */
export const serveProblemPages = (app: FastifyInstance): void => {
  for (const code of codes) {
    const page = pageOf(code)
    app.get(typeOf(code), { config: { hostPage: true }, schema: { hide: true } } as never, async (_request, reply) =>
      reply.header('Cache-Control', 'public, max-age=86400').type('text/html; charset=utf-8').send(page),
    )
  }
}
