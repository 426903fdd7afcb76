import { sampleRequest } from '../../client/testing/samples.ts'
import type { ServiceStatus } from '../../contracts/events/completion.ts'
import type { SupervisorStatus } from '../../contracts/control.ts'

/** A supervisor that is well, with changes. */
export function sampleStatus(changes: Partial<SupervisorStatus> = {}): SupervisorStatus {
  return {
    phase: 'live',
    phase_since: Date.now() - 61_000,
    mode: 'production',
    problem: null,
    generation: 7,
    generation_since: Date.now() - 61_000,
    last_failure: null,
    trouble: null,
    filling: [],
    troubles: [],
    debugged: false,
    poison: [],
    missing: [],
    losses: [],
    waiting_for_restart: [],
    swaps: 3,
    failed_swaps: 1,
    crashes: 0,
    next_try_at: null,
    spare: true,
    watching: false,
    watch_problem: null,
    connections: 2,
    held_lines: 0,
    runner_host: { state: 'up', elsewhere: true, since: Date.now() - 120_000 },
    runners: [{ id: 'r1', accepting: true, since: Date.now() }],
    sidecar: { url: 'http://127.0.0.1:4311' },
    addresses: { socket: '/x/var/run/daemon.sock', tcp: '127.0.0.1:4310' },
    journal: { path: '/x/var/db/checkpoint.db', kept: true },
    started_at: Date.now() - 3_600_000,
    pid: process.pid,
    ...changes,
  }
}

/** The reply to completion:status. */
export function sampleCompletionStatus(): ServiceStatus {
  const running = sampleRequest({
    request_id: 'run-1',
    session_id: 's1',
    status: 'processing',
    started_at: new Date(Date.now() - 3_000).toISOString(),
  })
  return {
    service_ready: true,
    generation: 7,
    active_completions: 1,
    active_tasks: 1,
    status_counts: { queued: 12, processing: 1, completed: 120, failed: 1, cancelled: 0 },
    lost: 2,
    running: [running],
    holds: [],
    held: 0,
    queues: { total_sessions: 4, active_sessions: 1, total_queued: 12, sessions: {} },
  }
}
