import { files, show, table, when } from './elements.js'

function phaseText(phases) {
  const { total, ...parts } = phases
  const text = Object.entries(parts).map(([name, ms]) => `${name} ${Math.round(ms)}`)
  return [total === undefined ? null : `${Math.round(total)} ms`, text.length > 0 ? `(${text.join(', ')})` : null]
    .filter(Boolean)
    .join(' ')
}

const restoredText = (restored) =>
  restored
    ? `${restored.queued} queued, ${restored.adopted} adopted, ${restored.requeued} again, ${restored.lost} lost` +
      (restored.poisoned > 0 ? `, ${restored.poisoned} quarantined` : '')
    : null

const running = [
  ['Request', (r) => r.request_id],
  ['Conversation', (r) => r.conversation],
  ['Model', (r) => r.model],
  ['Tries', (r) => r.attempts],
  ['Started', (r) => when(r.started_at)],
]

const holds = [
  ['What', (h) => (h.scope === 'all' ? 'everything' : `${h.scope} ${h.name}`)],
  ['Cause', (h) => h.cause],
  ['Why', (h) => h.reason],
  ['Since', (h) => when(h.since)],
  ['Until', (h) => (h.phase === 'held' ? (h.until === null ? 'it is released' : when(h.until)) : probeText(h))],
]

const probeText = ({ probe }) => (probe === null ? 'its probe is answered: the next request' : `${probe} is answered`)

const queues = [
  ['Conversation', (q) => q.conversation],
  ['Agent', (q) => q.agent_id],
  ['Queued', (q) => q.queued],
  ['Running', (q) => q.running],
  ['Not before', (q) => when(q.not_before)],
]

const boots = (live) => [
  ['Generation', (b) => b.generation],
  ['When', (b) => when(b.at)],
  ['Cause', (b) => b.cause],
  ['Files', (b) => files(b.files)],
  ['Took', (b) => phaseText(b.phases)],
  ['Restored', (b) => restoredText(b.restored)],
  ['The one before', (b) => [b.previous_end, b.previous_detail].filter(Boolean).join(': ')],
  ['End', (b) => b.error?.message ?? b.end ?? (b.generation === live ? 'live' : 'none on record')],
]

const checkpoints = [
  ['No.', (c) => c.id],
  ['When', (c) => when(c.at)],
  ['Reason', (c) => c.reason],
  ['Generation', (c) => c.generation],
  ['Queued', (c) => c.queued],
  ['Running', (c) => c.active],
  ['Files', (c) => files(c.files)],
  ['Restored', (c) => when(c.restored_at)],
]

/** @param live the number of the live generation, if one answers */
export function showJournal(facts, live) {
  show('running', table(running, facts?.running ?? [], 'Nothing runs.'))
  show('holds', table(holds, facts?.holds ?? [], 'Nothing is held.'))
  show('queues', table(queues, facts?.queues ?? [], 'Nothing is queued.'))
  show('boots', table(boots(live), facts?.boots ?? [], 'No boot is on record.'))
  show('checkpoints', table(checkpoints, facts?.checkpoints ?? [], 'There is no checkpoint.'))
}

export function showDocker(facts) {
  show(
    'containers',
    table(
      [
        ['Service', (c) => c.service],
        ['State', (c) => c.state],
        ['Health', (c) => c.health],
        ['Started', (c) => when(c.started_at)],
        ['Restarts', (c) => c.restart_count],
        ['Exit code', (c) => `${c.exit_code ?? '–'}${c.oom_killed ? ' (out of memory)' : ''}`],
        ['Name', (c) => c.name],
      ],
      facts?.containers ?? [],
      'Nothing is known of containers.',
    ),
  )
  show(
    'events',
    table(
      [
        ['When', (e) => when(e.at)],
        ['Service', (e) => e.service],
        ['What', (e) => e.action],
        ['Detail', (e) => e.detail],
      ],
      (facts?.events ?? []).toReversed(),
      'None.',
    ),
  )
}

export function showSources({ daemon, journal, docker }) {
  const rows = Object.entries({ daemon, journal, docker }).map(([name, source]) => ({ name, ...source }))
  show(
    'sources',
    table(
      [
        ['Source', (s) => s.name],
        ['State', (s) => (s.ok ? 'answers' : 'does not answer')],
        ['Facts of', (s) => (s.ok ? 'now' : when(s.at))],
        ['Why', (s) => s.error],
      ],
      rows,
      '',
    ),
  )
}
