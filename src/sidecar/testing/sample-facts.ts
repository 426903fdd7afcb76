import type { BootFailure, SupervisorStatus } from '../../contracts/control.ts'
import type { BootRecord, JournalFacts } from '../../contracts/status.ts'
import type { Reading } from '../reading.ts'
import type { ContainerFact, DockerFacts } from '../container-words.ts'
import type { Readings } from '../readings.ts'

/** 2026-11-22 12:00:00 UTC: the present of the tests. */
export const nowMs = Date.UTC(2026, 10, 22, 12, 0, 0)

/** `minutes` before the present. */
export function minutesAgo(minutes: number): number {
  return nowMs - minutes * 60_000
}

/** A supervisor whose generation 7 has been serving for an hour. */
export function supervisorFacts(changes: Partial<SupervisorStatus> = {}): SupervisorStatus {
  return {
    phase: 'live',
    phase_since: minutesAgo(60),
    mode: 'dev',
    problem: null,
    generation: 7,
    generation_since: minutesAgo(60),
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
    failed_swaps: 0,
    crashes: 0,
    next_try_at: null,
    spare: true,
    watching: true,
    watch_problem: null,
    connections: 2,
    held_lines: 0,
    runner_host: { state: 'up', elsewhere: false, since: 1 },
    runners: [{ id: 'runner-1', accepting: true, since: minutesAgo(90) }],
    sidecar: null,
    addresses: { socket: '/app/var/run/daemon.sock', tcp: '0.0.0.0:4310' },
    journal: { path: '/app/var/db/dev_checkpoint.db', kept: true },
    started_at: minutesAgo(90),
    pid: 7,
    ...changes,
  }
}

export function failure(changes: Partial<BootFailure> = {}): BootFailure {
  return {
    boot_id: 'boot-8',
    cause: 'save',
    files: ['src/daemon/router.ts'],
    phase: 'import',
    error: {
      message: 'SyntaxError: Unexpected token\n    at line 3',
      stack: 'SyntaxError: Unexpected token\n    at …',
    },
    at: minutesAgo(5),
    ...changes,
  }
}

export function boot(changes: Partial<BootRecord> = {}): BootRecord {
  return {
    boot_id: 'boot-7',
    generation: 7,
    cause: 'save',
    files: ['src/daemon/router.ts'],
    at: new Date(minutesAgo(60)).toISOString(),
    live_at: new Date(minutesAgo(60)).toISOString(),
    ended_at: null,
    end: null,
    previous_end: 'handover',
    previous_detail: null,
    phases: { total: 46 },
    restored: { queued: 20, adopted: 3, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 },
    error: null,
    ...changes,
  }
}

export function journalFacts(changes: Partial<JournalFacts> = {}): JournalFacts {
  const counts = { queued: 20, processing: 3, completed: 100, failed: 1, cancelled: 0 }
  return {
    generation: 7,
    counts,
    lost: 0,
    last_seq: 500,
    boots: [boot()],
    checkpoints: [],
    queues: [],
    holds: [],
    held: 0,
    running: [],
    ...changes,
  }
}

export function container(changes: Partial<ContainerFact> = {}): ContainerFact {
  return {
    service: 'daemon',
    id: 'abc',
    name: 'ksi-daemon-1',
    state: 'running',
    health: 'healthy',
    started_at: new Date(minutesAgo(90)).toISOString(),
    restart_count: 0,
    oom_killed: false,
    exit_code: null,
    ...changes,
  }
}

export function fine<T>(facts: T, sinceMs: number = minutesAgo(90)): Reading<T> {
  return { state: 'fine', error: null, atMs: nowMs, sinceMs, facts }
}

export function unread<T>(
  state: Reading<T>['state'],
  error: string,
  options: { sinceMs?: number; facts?: T } = {},
): Reading<T> {
  const { sinceMs = minutesAgo(2), facts = null } = options
  return { state, error, atMs: facts === null ? null : sinceMs, sinceMs, facts }
}

/** Everything answers, and all is well. */
export function allWell(changes: Partial<Readings> = {}): Readings {
  const docker: DockerFacts = { containers: [container()], events: [] }
  return { daemon: fine(supervisorFacts()), journal: fine(journalFacts()), docker: fine(docker), ...changes }
}

/** Nothing has been asked yet. */
export function nothingKnown(): Readings {
  const pending = {
    state: 'pending',
    error: 'It has not been asked yet.',
    atMs: null,
    sinceMs: nowMs,
    facts: null,
  } as const
  return { daemon: pending, journal: pending, docker: pending }
}
