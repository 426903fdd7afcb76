import type { SupervisorStatus } from '../../contracts/control.ts'
import type { ServiceStatus } from '../../contracts/events/completion.ts'
import type { KsiClient } from '../../client/client.ts'
import { exitCodes } from '../../lib/errors.ts'
import { printable } from '../../lib/printable.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { failureLine, troubleLine } from '../event-lines.ts'
import { holdLine } from '../hold-lines.ts'
import { brief, columns, count, duration, paint, print, printJson } from '../output.ts'

const listed = 10

export const status: Command = {
  usage: 'status',
  examples: [
    ['status', 'what runs, what waits, what is wrong'],
    ['status --json', 'the replies to supervisor:status and completion:status'],
  ],
  options: {},
  notes: [
    'Exits with 0 when the code on disk serves, 1 when no generation is live or the last change did not become ' +
      'live, or something was lost that nobody has acknowledged, 69 when nobody answers.',
  ],
  run: async (invocation) => {
    await using client = await reach(invocation)
    const supervisor = await client.request('supervisor:status')
    const completion = await completionStatus(client, supervisor)
    const serving = isServing(supervisor)
    const allWell = serving && supervisor.problem === null && supervisor.losses.length === 0
    if (invocation.json) printJson({ serving, supervisor, completion })
    else print(describe(supervisor, completion))
    return allWell ? exitCodes.ok : exitCodes.failed
  },
}

// While generations change over, lines wait some milliseconds: that is serving.
function isServing({ phase, generation }: SupervisorStatus): boolean {
  return phase === 'live' || (phase === 'swapping' && generation !== null)
}

async function completionStatus(client: KsiClient, supervisor: SupervisorStatus): Promise<ServiceStatus | null> {
  if (!isServing(supervisor)) return null
  try {
    const reply = await client.request('completion:status', {}, { timeoutMs: 5_000 })
    return 'service_ready' in reply ? reply : null
  } catch {
    // The supervisor's part is worth telling also when the generation does not answer.
    return null
  }
}

function describe(supervisor: SupervisorStatus, completion: ServiceStatus | null): string {
  const now = Date.now()
  const { problem } = supervisor
  const phase = supervisor.phase === 'swapping' ? 'handing over' : supervisor.phase
  const state = !isServing(supervisor)
    ? paint('red', 'not serving')
    : problem === null
      ? paint('green', 'serving')
      : paint('yellow', 'serving the code before the last change')
  const rows = [
    [
      'phase',
      `${phase} for ${duration(now - supervisor.phase_since)}, ${supervisor.mode} mode, ` +
        `up ${duration(now - supervisor.started_at)}, pid ${supervisor.pid}`,
    ],
    ...(supervisor.generation_since === null
      ? []
      : [['generation', `${supervisor.generation} for ${duration(now - supervisor.generation_since)}`]]),
    ['changes', `${supervisor.swaps} taken over, ${supervisor.failed_swaps} failed, ${supervisor.crashes} crashes`],
    ['queue', completion === null ? 'not known: no generation answers' : describeQueue(completion)],
    [
      'clients',
      count(supervisor.connections, 'connection') +
        (supervisor.held_lines === 0 ? '' : `, ${count(supervisor.held_lines, 'line')} held`),
    ],
    [
      'runners',
      supervisor.runners.map(({ id, accepting }) => `${id}${accepting ? '' : ' (finishes its own)'}`).join(', ') ||
        'none',
    ],
    ['runner host', describeHost(supervisor, now)],
    ['socket', supervisor.addresses.socket],
    ['tcp', supervisor.addresses.tcp],
    ...(supervisor.sidecar === null ? [] : [['page', supervisor.sidecar.url]]),
    ['journal', `${supervisor.journal.path} (${supervisor.journal.kept ? 'kept' : 'not kept'})`],
  ]
  return [
    `ksi is ${state}.`,
    ...describeTrouble(supervisor, now),
    ...describeHolds(completion, now),
    columns(rows, '  '),
    ...describeRunning(completion, now),
  ].join('\n')
}

function describeHost({ runner_host: { state, elsewhere, since } }: SupervisorStatus, now: number): string {
  const where = elsewhere ? ', in a container of its own' : ''
  return `${state === 'draining' ? 'ending' : state}${since === null ? '' : ` for ${duration(now - since)}`}${where}`
}

function describeQueue({ status_counts: counts, lost }: ServiceStatus): string {
  const parts = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const
  const told = parts.map((state) => `${counts[state]} ${state}`).join(', ')
  return `${told}${lost > 0 ? `, ${lost} lost with a runner` : ''}`
}

function describeTrouble(
  {
    problem,
    last_failure,
    trouble,
    troubles,
    debugged,
    missing,
    losses,
    filling,
    waiting_for_restart,
    watch_problem,
    next_try_at,
  }: SupervisorStatus,
  now: number,
): string[] {
  return [
    ...(problem === null || last_failure === null ? [] : [printable(`  ${failureLine(last_failure)}`)]),
    ...(problem === null ? [] : [`  ${paint('red', problem)}`]),
    ...(next_try_at === null ? [] : [`  Next try in ${duration(Math.max(0, next_try_at - now))}.`]),
    ...(trouble === null
      ? []
      : [
          '  ' +
            paint(
              'yellow',
              `Trouble ${duration(now - trouble.at)} ago, which did not end it: ${trouble.error.message}`,
            ),
        ]),
    ...(debugged ? [`  ${paint('yellow', 'A debugger is attached: no heartbeat and no deadline applies.')}`] : []),
    ...troubles.map((one) => `  ${paint(one.grave ? 'red' : 'yellow', printable(troubleLine(one)))}`),
    ...missing.map((text) => `  ${paint('yellow', printable(text))}`),
    ...losses.map(({ message }) => `  ${paint('red', message)}`),
    ...(losses.length === 0 ? [] : ['  Once this is known: ksi losses acknowledge']),
    ...filling.map((text) => `  ${paint('yellow', printable(text))}`),
    ...(waiting_for_restart.length === 0
      ? []
      : [`  ${paint('yellow', `Waiting for a restart: ${waiting_for_restart.join(', ')}`)}`]),
    ...(watch_problem === null ? [] : [`  ${paint('yellow', printable(watch_problem))}`]),
  ]
}

function describeHolds(completion: ServiceStatus | null, now: number): string[] {
  const { holds = [], held = 0 } = completion ?? {}
  const shown = holds.slice(0, listed).map((hold) => `  ${paint('yellow', holdLine(hold, now))}`)
  return held > shown.length ? [...shown, `  and ${held - shown.length} more are held: ksi hold list`] : shown
}

function describeRunning(completion: ServiceStatus | null, now: number): string[] {
  const running = completion?.running ?? []
  if (running.length === 0) return []
  const rows = running
    .slice(0, listed)
    .map((request) => [
      request.request_id,
      request.session_id ?? request.conversation,
      request.started_at === null ? '' : duration(now - Date.parse(request.started_at)),
    ])
  const more = running.length > listed ? [`  and ${running.length - listed} more`] : []
  return [
    'running',
    columns(
      rows.map((row) => row.map((cell) => brief(cell, 60))),
      '  ',
    ),
    ...more,
  ]
}
