import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import type { Knowledge } from '../knowledge.ts'
import { sendProblem } from '../problem.ts'

const files = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/app.js', file: 'app.js', type: 'text/javascript; charset=utf-8' },
  { url: '/elements.js', file: 'elements.js', type: 'text/javascript; charset=utf-8' },
  { url: '/tables.js', file: 'tables.js', type: 'text/javascript; charset=utf-8' },
  { url: '/style.css', file: 'style.css', type: 'text/css; charset=utf-8' },
]

/**
 * The page: a few files, read once at the start; and the link of `ksi page`, which makes the browser keep its token.
 */
export async function pageRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const { access } = knowledge
  server.addHook<{ Querystring: { token?: string | string[] } }>('onRequest', async (request, reply) => {
    const { token } = request.query
    if (typeof token !== 'string') return undefined
    if (!access.isToken(token)) {
      const detail = 'The token of this link was replaced. `ksi page` prints a new link.'
      return sendProblem(reply, { status: 401, code: 'KSI_UNAUTHORIZED', title: 'Old link', detail })
    }
    // Away from the address at once: addresses end up in histories and on screens.
    return reply
      .header('set-cookie', access.cookie(request, token))
      .header('cache-control', 'no-store')
      .redirect('/', 303)
  })
  for (const { url, file, type } of files) {
    const content = await readFile(new URL(`../page/${file}`, import.meta.url))
    server.get(url, async (_request, reply) => reply.header('cache-control', 'no-cache').type(type).send(content))
  }
}
