import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusDocument } from '../contracts/status.ts'
import type { StatusDocument } from '../contracts/status.ts'
import { collect, fingerprint } from './collector.ts'
import {
  allWell,
  boot,
  container,
  failure,
  fine,
  journalFacts,
  minutesAgo,
  nothingKnown,
  nowMs,
  supervisorFacts,
  unread,
} from './testing/sample-facts.ts'
import type { Readings } from './readings.ts'

/** The verdict of a document, with `since` as minutes before the present. */
function verdictOn(readings: Readings): {
  status: string
  phase: string
  generation: number | null
  since: number
  summary: string
} {
  const { status, phase, generation, since, summary } = collected(readings)
  return { status, phase, generation, since: (nowMs - Date.parse(since)) / 60_000, summary }
}

function collected(readings: Readings): StatusDocument {
  // Whatever the readings are, what comes out keeps to the contract.
  return statusDocument.parse(collect(readings, nowMs))
}

test('a daemon that serves passes', () => {
  assert.deepEqual(verdictOn(allWell()), {
    status: 'pass',
    phase: 'live',
    generation: 7,
    since: 60,
    summary: 'Generation 7 serves since 11:00:00 UTC.',
  })
})

test('a change that did not become live is a warning that names file and error', () => {
  const facts = supervisorFacts({ problem: 'the last change is not live', last_failure: failure() })
  const summary =
    'Generation 7 serves since 11:00:00 UTC. The last change (src/daemon/router.ts) did not become live: ' +
    'SyntaxError: Unexpected token.'
  assert.deepEqual(verdictOn(allWell({ daemon: fine(facts) })), {
    status: 'warn',
    phase: 'live',
    generation: 7,
    since: 5,
    summary,
  })
})

test('a failure that a later save has repaired is no warning', () => {
  assert.equal(verdictOn(allWell({ daemon: fine(supervisorFacts({ last_failure: failure() })) })).status, 'pass')
})

test('many changed files are counted, not listed', () => {
  const last_failure = failure({ files: ['a.ts', 'b.ts', 'c.ts', 'd.ts', 'e.ts'] })
  assert.match(
    verdictOn(allWell({ daemon: fine(supervisorFacts({ problem: 'x', last_failure })) })).summary,
    /\(a\.ts, b\.ts, c\.ts and 2 more\)/,
  )
})

test('a problem without a failed boot is told in its own words', () => {
  const facts = supervisorFacts({ problem: 'The watcher has ended' })
  assert.match(
    verdictOn(allWell({ daemon: fine(facts) })).summary,
    /serves since 11:00:00 UTC\. The watcher has ended\.$/,
  )
})

test('a runner host that does not answer is told with the state of its container', () => {
  const runner_host = { state: 'down', elsewhere: true, since: null } as const
  const daemon = fine(supervisorFacts({ problem: 'The runner host does not answer.', runner_host }))
  const containers = [container(), container({ service: 'runner', state: 'exited', exit_code: 137, oom_killed: true })]
  assert.match(
    verdictOn(allWell({ daemon, docker: fine({ containers, events: [] }) })).summary,
    /The runner host does not answer \(its container has exited with code 137, out of memory\)\.$/,
  )
})

test('when the daemon is away and the runner is there, what was running is said to go on', () => {
  const containers = [container({ state: 'exited', exit_code: 0 }), container({ service: 'runner' })]
  const away = allWell({ daemon: unread('failed', 'x'), docker: fine({ containers, events: [] }) })
  assert.match(verdictOn(away).summary, /what was running goes on in the container of the runner\.$/)
})

test('an error nobody caught is a warning from when it happened', () => {
  const verdict = verdictOn(
    allWell({
      daemon: fine(supervisorFacts({ trouble: { error: { message: 'no such column' }, at: minutesAgo(7) } })),
    }),
  )
  assert.deepEqual([verdict.status, verdict.since], ['warn', 7])
  assert.match(verdict.summary, /nobody caught at 11:53:00 UTC: no such column\./)
})

test('changes of the supervisor are named as waiting', () => {
  const verdict = verdictOn(
    allWell({ daemon: fine(supervisorFacts({ waiting_for_restart: ['src/supervisor/front.ts'] })) }),
  )
  assert.equal(verdict.status, 'warn')
  assert.match(verdict.summary, /\(src\/supervisor\/front\.ts\) wait for a restart/)
})

test('parts of ksi that are not there are named', () => {
  const verdict = verdictOn(allWell({ daemon: fine(supervisorFacts({ missing: ['No runner takes work.'] })) }))
  assert.equal(verdict.status, 'warn')
  assert.match(verdict.summary, /No runner takes work\./)
})

test('what was lost is said until it is acknowledged', () => {
  const loss = { at: minutesAgo(9), message: 'Gone without a trace: 3.', requests: 3, failed: 1 }
  const verdict = verdictOn(allWell({ daemon: fine(supervisorFacts({ losses: [loss] })) }))
  assert.deepEqual([verdict.status, verdict.since], ['warn', 9])
  assert.match(verdict.summary, /Gone without a trace: 3\. Once this is known: ksi losses acknowledge\.$/)
})

test('files that cannot be watched are a warning', () => {
  const watch_problem = 'Files are looked at every now and then.'
  const verdict = verdictOn(allWell({ daemon: fine(supervisorFacts({ watch_problem })) }))
  assert.equal(verdict.status, 'warn')
  assert.match(verdict.summary, /Files are looked at every now and then\./)
})

test('a quota that fills up is a warning', () => {
  const filling = ['The journal has 9 bytes of 10.']
  const verdict = verdictOn(allWell({ daemon: fine(supervisorFacts({ filling })) }))
  assert.equal(verdict.status, 'warn')
  assert.match(verdict.summary, /The journal has 9 bytes of 10\./)
})

test('a handover is no warning', () => {
  const verdict = verdictOn(
    allWell({ daemon: fine(supervisorFacts({ phase: 'swapping', phase_since: nowMs - 1_000 })) }),
  )
  assert.deepEqual([verdict.status, verdict.phase], ['pass', 'swapping'])
  assert.match(verdict.summary, /^Generation 7 has been handing over to new code since 11:59:59 UTC\.$/)
})

test('a journal or a Docker proxy that cannot be read is a warning', () => {
  const journal = unread('failed', 'The journal cannot be read: no.', { facts: journalFacts() })
  assert.match(verdictOn(allWell({ journal })).summary, /serves since .* The journal cannot be read: no\.$/)
  assert.equal(verdictOn(allWell({ journal })).status, 'warn')
  assert.match(
    verdictOn(allWell({ docker: unread('failed', 'connection refused') })).summary,
    /Container facts are missing: connection refused\.$/,
  )
})

test('sources that are not set up or not read yet are no warning', () => {
  assert.equal(verdictOn(allWell({ docker: unread('off', 'not set') })).status, 'pass')
  assert.equal(verdictOn(allWell({ docker: nothingKnown().docker, journal: nothingKnown().journal })).status, 'pass')
})

test('a crashed daemon fails, with the cause and the time of the next try', () => {
  const facts = supervisorFacts({
    phase: 'crashed',
    phase_since: minutesAgo(1),
    problem: 'exit code 1',
    generation: null,
    next_try_at: nowMs + 2_500,
  })
  const summary = 'The daemon has been down since 11:59:00 UTC (exit code 1); next try in 3 s.'
  assert.deepEqual(verdictOn(allWell({ daemon: fine(facts) })), {
    status: 'fail',
    phase: 'crashed',
    generation: 7,
    since: 1,
    summary,
  })
})

test('a try that is due is under way', () => {
  const facts = supervisorFacts({ phase: 'crashed', generation: null, next_try_at: nowMs - 1 })
  assert.match(verdictOn(allWell({ daemon: fine(facts) })).summary, /; the next try is under way\.$/)
})

test('starting and stopping fail in words of their own', () => {
  const starting = supervisorFacts({
    phase: 'starting',
    phase_since: nowMs - 2_000,
    generation: null,
    problem: 'src/daemon/main.ts: SyntaxError.',
  })
  assert.equal(
    verdictOn(allWell({ daemon: fine(starting) })).summary,
    'The daemon has been starting since 11:59:58 UTC (src/daemon/main.ts: SyntaxError).',
  )
  const stopping = supervisorFacts({ phase: 'stopping', phase_since: nowMs - 2_000 })
  assert.equal(
    verdictOn(allWell({ daemon: fine(stopping) })).summary,
    'The daemon has been stopping since 11:59:58 UTC.',
  )
})

test('no answer after a clean end says so, and that the container has exited', () => {
  const journal = fine(
    journalFacts({ boots: [boot({ end: 'clean', ended_at: new Date(minutesAgo(2)).toISOString() })] }),
  )
  const docker = fine({ containers: [container({ state: 'exited', exit_code: 0 })], events: [] })
  const verdict = verdictOn({
    daemon: unread('failed', 'connection refused', { facts: supervisorFacts() }),
    journal,
    docker,
  })
  const summary =
    'No answer from the daemon since 11:58:00 UTC (connection refused); the journal says generation 7 ended ' +
    'cleanly at 11:58:00 UTC; its container has exited with code 0.'
  assert.deepEqual(verdict, { status: 'fail', phase: 'stopped', generation: 7, since: 2, summary })
})

test('no answer without an end in the journal is called cut off, not stopped', () => {
  const verdict = verdictOn(
    allWell({ daemon: unread('failed', 'no reply within 1000 ms'), docker: unread('off', 'not set') }),
  )
  assert.equal(verdict.phase, 'unreachable')
  assert.match(verdict.summary, /no end for generation 7: it was cut off, or hangs\.$/)
})

test('a container killed for its memory is named as that', () => {
  const docker = fine({ containers: [container({ state: 'exited', exit_code: 137, oom_killed: true })], events: [] })
  const verdict = verdictOn(allWell({ daemon: unread('failed', 'connection refused'), docker }))
  assert.match(verdict.summary, /its container has exited with code 137, out of memory\.$/)
  assert.equal(verdict.phase, 'stopped')
})

test('a container that runs while nothing answers is not taken for a daemon that serves', () => {
  const docker = fine({ containers: [container({ health: 'unhealthy' })], events: [] })
  const verdict = verdictOn(allWell({ daemon: unread('failed', 'connection refused'), docker }))
  assert.deepEqual([verdict.status, verdict.phase], ['fail', 'unreachable'])
  assert.match(verdict.summary, /its container is running and unhealthy\.$/)
})

test('the newest generation counts, whatever the order of the boots', () => {
  const boots = [
    boot({ generation: null }),
    boot({ generation: 6, end: 'handover' }),
    boot({ generation: 7, end: 'crash: signal SIGKILL' }),
  ]
  const verdict = verdictOn(allWell({ daemon: unread('failed', 'x'), journal: fine(journalFacts({ boots })) }))
  assert.match(verdict.summary, /generation 7 ended: crash: signal SIGKILL/)
})

test('with neither daemon nor journal the reasons are told', () => {
  const journal = unread<never>('absent', 'There is no journal at /x: the daemon has not run here yet.')
  const verdict = verdictOn({
    daemon: unread('failed', 'its container is not there'),
    journal,
    docker: unread('off', 'not set'),
  })
  const summary =
    'No answer from the daemon since 11:58:00 UTC (its container is not there); there is no journal at /x: ' +
    'the daemon has not run here yet.'
  assert.deepEqual(verdict, { status: 'fail', phase: 'unreachable', generation: null, since: 2, summary })
})

test('before anything has been asked nothing is claimed', () => {
  const verdict = verdictOn(nothingKnown())
  assert.deepEqual([verdict.status, verdict.phase, verdict.generation], ['fail', 'unknown', null])
  assert.match(verdict.summary, /has not been asked yet/)
})

test('facts of a source that stopped answering are kept, marked as old', () => {
  const document = collected(
    allWell({ journal: unread('closed', 'The journal was closed cleanly.', { facts: journalFacts() }) }),
  )
  assert.equal(document.journal.ok, false)
  assert.equal(document.journal.facts?.generation, 7)
  assert.equal(document.journal.at, new Date(minutesAgo(2)).toISOString())
})

test('times of another day carry the date', () => {
  assert.match(
    verdictOn(allWell({ daemon: fine(supervisorFacts({ generation_since: minutesAgo(60 * 24) })) })).summary,
    /since 2026-11-21 12:00:00 UTC/,
  )
})

test('the fingerprint changes with the facts and not with the time of reading', () => {
  const later = collect(allWell({ daemon: { ...fine(supervisorFacts()), atMs: nowMs + 500 } }), nowMs + 500)
  assert.equal(fingerprint(later), fingerprint(collected(allWell())))
  assert.notEqual(
    fingerprint(collected(allWell({ daemon: fine(supervisorFacts({ connections: 3 })) }))),
    fingerprint(collected(allWell())),
  )
})

test('what goes wrong while it serves is said with its line and its file, and a debugger is named', () => {
  const [what, message, file, path] = ['taking in an outcome', 'no such column', 'src/daemon/x.ts:4', '/var/x.db']
  const troubles = [{ what, message, file, path, since: minutesAgo(7), times: 3, grave: true }]
  const verdict = verdictOn(allWell({ daemon: fine(supervisorFacts({ troubles, debugged: true })) }))
  assert.equal(verdict.status, 'warn')
  assert.match(verdict.summary, /Taking in an outcome: no such column \(src\/daemon\/x\.ts:4, \/var\/x\.db\)\./)
  assert.match(verdict.summary, /A debugger is attached to the live generation/)
})

test('what is held for many is said, with until when and why; a conversation that waits is its own affair', () => {
  const one = {
    scope: 'provider' as const,
    name: 'anthropic',
    cause: 'limit' as const,
    reason: '429 slow down\nand more',
    since: new Date(minutesAgo(3)).toISOString(),
    until: '2026-11-24T16:00:00.000Z',
    phase: 'held' as const,
    probe: null,
    times: 1,
  }
  const verdict = (changes: object) =>
    verdictOn(allWell({ journal: fine(journalFacts({ holds: [{ ...one, ...changes }], held: 1 })) }))
  const { status, summary } = verdict({})
  assert.equal(status, 'warn')
  assert.match(summary, /anthropic is held until 2026-11-24T16:00:00.000Z: limit, 429 slow down\.$/)
  assert.match(verdict({ scope: 'all', name: '', until: null }).summary, /Everything is held: limit, 429 slow down\.$/)
  assert.equal(verdict({ scope: 'conversation', name: 'c' }).status, 'pass')
})
