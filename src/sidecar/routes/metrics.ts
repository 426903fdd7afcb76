import type { FastifyInstance } from 'fastify'
import { version } from '../../contracts/version.ts'
import type { StatusDocument } from '../../contracts/status.ts'
import { KsiError } from '../../lib/errors.ts'
import { serve } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'
import { Measures } from '../metrics/measures.ts'
import { metric } from '../metrics/text.ts'
import type { Sample } from '../metrics/text.ts'

const phases = ['starting', 'live', 'swapping', 'crashed', 'stopping', 'stopped', 'unreachable', 'unknown']

/** `/metrics`, for Prometheus. */
export async function metricRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const measures = new Measures()
  serve(server, '/metrics', () => {
    const document = knowledge.hub.ask()
    try {
      knowledge.journal((reader) => measures.look(reader))
    } catch (error) {
      // ksi_source_up says so.
      if (!(error instanceof KsiError)) throw error
    }
    return [...ofDaemon(document), ...ofJournal(document), ...counted(measures), measures.text()].join('')
  })
}

function ofDaemon({ status, phase, daemon, journal, docker, generation }: StatusDocument): string[] {
  const facts = daemon.ok ? daemon.facts : null
  const sources = Object.entries({ daemon, journal, docker })
  return [
    metric('ksi_build_info', 'gauge', 'The version of the sidecar.', [
      { labels: { version, node: process.version }, value: 1 },
    ]),
    metric('ksi_daemon_up', 'gauge', '1 while the daemon serves.', [{ value: status === 'fail' ? 0 : 1 }]),
    metric(
      'ksi_daemon_phase',
      'gauge',
      '1 for the phase it is in.',
      phases.map((name) => ({ labels: { phase: name }, value: name === phase ? 1 : 0 })),
    ),
    metric('ksi_daemon_generation', 'gauge', 'The last generation known.', known(generation)),
    metric(
      'ksi_source_up',
      'gauge',
      '1 for each source of the sidecar that answers.',
      sources.map(([source, { ok }]) => ({ labels: { source }, value: ok ? 1 : 0 })),
    ),
    metric('ksi_daemon_troubles', 'gauge', 'What goes wrong while it serves.', known(facts?.troubles.length)),
    metric('ksi_daemon_connections', 'gauge', 'Connections of clients.', known(facts?.connections)),
    metric('ksi_daemon_held_lines', 'gauge', 'Lines held while no generation is live.', known(facts?.held_lines)),
    metric('ksi_runners', 'gauge', 'Runners there are.', known(facts?.runners.length)),
  ]
}

function ofJournal({ journal }: StatusDocument): string[] {
  if (!journal.ok || journal.facts === null) return []
  const { counts, lost, checkpoints } = journal.facts
  const states = Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }))
  const newest = checkpoints[0]
  return [
    metric('ksi_requests', 'gauge', 'Requests by state; those with an outcome since the journal began.', states),
    metric('ksi_requests_lost_total', 'counter', 'Requests that died with a runner.', [{ value: lost }]),
    metric(
      'ksi_checkpoint_last_success_timestamp_seconds',
      'gauge',
      'When the last checkpoint was taken.',
      known(newest && Date.parse(newest.at) / 1_000),
    ),
  ]
}

function counted({ boots, restored }: Measures): string[] {
  const byCause = [...boots].map(([key, value]) => {
    const [cause = '', result = ''] = key.split(' ')
    return { labels: { cause, result }, value }
  })
  const byResult = [...restored].map(([result, value]) => ({ labels: { result }, value }))
  return [
    metric('ksi_daemon_boots_total', 'counter', 'Boots, by their cause.', byCause),
    metric('ksi_restore_requests_total', 'counter', 'Requests by what restores made of them.', byResult),
  ]
}

function known(value: number | null | undefined): Sample[] {
  return value == null ? [] : [{ value }]
}
