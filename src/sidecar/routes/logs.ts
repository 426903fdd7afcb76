import type { FastifyInstance } from 'fastify'
import { serve } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'

/** `/logs`: the end of the log that the supervisor keeps. */
export async function logRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  serve(server, '/logs', ({ query }) => knowledge.log.last(query))
}
