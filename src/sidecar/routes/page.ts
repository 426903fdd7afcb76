import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { problemOf } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'
import { KsiError } from '../../lib/errors.ts'
import { LivePage } from '../page/live-page.ts'
import { pageText, render } from '../page/render.ts'
import { sendProblem } from '../problem.ts'

const files = [
  { url: '/app.js', file: '../page/app.js', type: 'text/javascript; charset=utf-8' },
  { url: '/style.css', file: '../page/style.css', type: 'text/css; charset=utf-8' },
  { url: '/idiomorph.js', file: import.meta.resolve('idiomorph'), type: 'text/javascript; charset=utf-8' },
]

/**
 * The page: made here for its first paint, then kept up to date by one stream; and the link of `ksi page`, which makes
 * the browser keep its token.
 */
export async function pageRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const { access, hub, streams } = knowledge
  takeTokens(server, knowledge)
  const show = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    hub.ask()
    const { document } = hub.latest()
    const page = render({ address: request.url, document, knowledge, mayRead: access.mayRead(request) })
    return reply
      .code(page.status)
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(pageText(page))
  }
  server.get('/', show)
  server.get('/page/*', show)
  server.get<{ Querystring: { of?: string } }>('/page/stream', { exposeHeadRoute: false }, async (request, reply) => {
    const { of } = request.query
    try {
      const address = typeof of === 'string' ? of : '/'
      const live = new LivePage({ address, knowledge, mayRead: access.mayRead(request) })
      live.follow(streams.open(reply))
      return reply
    } catch (error) {
      if (error instanceof KsiError) return sendProblem(reply, problemOf(error))
      throw error
    }
  })
  for (const { url, file, type } of files) {
    const path = file.startsWith('file:') ? fileURLToPath(file) : new URL(file, import.meta.url)
    const content = await readFile(path)
    server.get(url, async (_request, reply) => reply.header('cache-control', 'no-cache').type(type).send(content))
  }
}

function takeTokens(server: FastifyInstance, { access }: Knowledge): void {
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
}
