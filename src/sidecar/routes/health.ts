import type { FastifyInstance } from 'fastify'
import type { Health } from '../../contracts/api.ts'
import { version } from '../../contracts/version.ts'
import { serve } from '../api/serve.ts'

/** Whether the sidecar is ready, and how its sources are: the latter never decides the former. */
export interface Readiness {
  ready: boolean
  sources: { name: string; ok: boolean; error: string | null }[]
}

/** `/livez`: the process is up. `/readyz`: it has started; `?verbose` tells of each source. */
export async function healthRoutes(server: FastifyInstance, options: { readiness: () => Readiness }): Promise<void> {
  serve(server, '/livez', () => ({ status: 'pass', version, description: 'the sidecar is there', checks: {} }))
  serve(server, '/readyz', ({ query, reply }) => {
    const { ready, sources } = options.readiness()
    if (!ready) reply.code(503)
    const checks: Health['checks'] = {}
    for (const { name, ok, error } of query.verbose === undefined ? [] : sources)
      checks[name] = [ok ? { status: 'pass' } : { status: 'warn', output: error ?? 'no answer' }]
    const description = ready ? 'the sidecar is ready' : 'the sidecar is starting'
    return { status: ready ? 'pass' : 'fail', version, description, checks }
  })
}
