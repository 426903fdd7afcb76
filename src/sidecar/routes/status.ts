import type { FastifyInstance } from 'fastify'
import type { StatusHub } from '../status-hub.ts'

/** `/status`: the whole document; 200 while the daemon serves, 503 while it does not. */
export async function statusRoutes(server: FastifyInstance, options: { hub: StatusHub }): Promise<void> {
  server.get('/status', async (_request, reply) => {
    const document = options.hub.ask()
    return reply
      .code(document.status === 'fail' ? 503 : 200)
      .header('cache-control', 'no-store')
      .send(document)
  })
}
