import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'

const files = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/app.js', file: 'app.js', type: 'text/javascript; charset=utf-8' },
  { url: '/style.css', file: 'style.css', type: 'text/css; charset=utf-8' },
]

/** The page: three files, read once at the start. */
export async function pageRoutes(server: FastifyInstance): Promise<void> {
  for (const { url, file, type } of files) {
    const content = await readFile(new URL(`../page/${file}`, import.meta.url))
    server.get(url, async (_request, reply) => reply.header('cache-control', 'no-cache').type(type).send(content))
  }
}
