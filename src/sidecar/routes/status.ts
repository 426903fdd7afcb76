import type { FastifyInstance } from 'fastify'
import { serve } from '../api/serve.ts'
import { openApiDocument } from '../api/openapi.ts'
import type { StatusHub } from '../status-hub.ts'

/** `/status`: the whole document; 503 while the daemon does not serve. `/openapi.json`: what there is to ask. */
export async function statusRoutes(server: FastifyInstance, options: { hub: StatusHub }): Promise<void> {
  serve(server, '/status', ({ reply }) => {
    const document = options.hub.ask()
    if (document.status === 'fail') reply.code(503)
    return document
  })
  const document = openApiDocument()
  serve(server, '/openapi.json', () => document)
}
