import type { FastifyInstance } from 'fastify'

/** Whether the sidecar is ready, and how its sources are: the latter never decides the former. */
export interface Readiness {
  ready: boolean
  sources: { name: string; ok: boolean; error: string | null }[]
}

/** `/livez`: the process is up. `/readyz`: it has started; `?verbose` tells of each source. */
export async function healthRoutes(server: FastifyInstance, options: { readiness: () => Readiness }): Promise<void> {
  server.get('/livez', async (_request, reply) =>
    reply.header('cache-control', 'no-store').type('text/plain').send('ok\n'),
  )
  server.get<{ Querystring: { verbose?: string } }>('/readyz', async (request, reply) => {
    const { ready, sources } = options.readiness()
    const lines =
      request.query.verbose === undefined
        ? []
        : sources.map(({ name, ok, error }) => `[${ok ? '+' : '-'}] ${name}${ok ? '' : `: ${error ?? 'no answer'}`}`)
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .type('text/plain')
      .send(`${[...lines, ready ? 'ready' : 'starting'].join('\n')}\n`)
  })
}
