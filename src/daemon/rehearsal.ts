import { eventSpec } from '../contracts/events.ts'
import { runnerProtocol } from '../contracts/protocol.ts'
import { fromRunnerHost } from '../contracts/runner-host.ts'
import type { FromRunnerHost } from '../contracts/runner-host.ts'
import { fromRunnerLine } from '../contracts/runner.ts'
import type { FromRunnerLine, RunOutcome } from '../contracts/runner.ts'

const ids = { run_id: 'r', request_id: 'q' }
const times = { provider: 'p', started_at: 0, duration_ms: 0 }
const completed: RunOutcome = { status: 'completed', response: {}, ...times }

/** What runners, their host and clients say first. */
export const firstWords: {
  host: FromRunnerHost[]
  runner: FromRunnerLine[]
  clients: [event: string, data: Record<string, unknown>][]
} = {
  host: [
    {
      type: 'runners',
      runners: [{ id: 'i', socket: 's', accepting: true, since: 0, ...runnerProtocol }],
      drained: [],
      problem: null,
      failure: null,
      draining: false,
      outdated: [],
    },
  ],
  runner: [
    { type: 'welcome', runner_id: 'i', runs: [{ ...ids, started_at: 0, outcome: completed }] },
    { type: 'progress', ...ids, data: {} },
    { type: 'outcome', ...ids, outcome: completed },
  ],
  clients: [
    ['completion:async', { prompt: 'p', session_id: 's' }],
    ['system:health', {}],
    ['monitor:subscribe', { event_patterns: ['completion:*'] }],
  ],
}

/**
 * Reads such words once. The first reading by a schema compiles it, which takes longer than a hundred more: better
 * before a hand-over than in the middle of it.
 */
export function rehearse(): void {
  for (const words of firstWords.host) fromRunnerHost.safeParse(words)
  for (const words of firstWords.runner) fromRunnerLine.safeParse(words)
  for (const [event, data] of firstWords.clients) eventSpec(event)?.data.safeParse(data)
}
