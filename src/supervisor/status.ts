import type { SupervisorStatus } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { RunnerHost } from './children/runner-host.ts'
import type { SidecarProcess } from './children/sidecar-process.ts'
import type { Front } from './front/front.ts'
import type { Generations } from './generations/driver.ts'
import type { Changes } from './watch/changes.ts'
import { readLosses } from '../store/losses.ts'

/** So long, in ms, after the start a first runner may still be on its way. */
const startingMs = 10_000

/** What a status is made of. */
interface Parts {
  settings: Settings
  startedAt: number
  generations: Generations
  runnerHost: RunnerHost
  changes: Changes
  /** undefined where it is not our child */
  sidecar: SidecarProcess | undefined
  /** undefined before it listens */
  front: Front | undefined
}

/** What the supervisor says of itself. */
export function describe(parts: Parts): SupervisorStatus {
  const { settings, startedAt, generations, runnerHost, changes, front } = parts
  const { view } = generations
  const { paths } = settings
  const page = `http://${inUrl(settings.KSI_SIDECAR_HOST)}:${settings.KSI_SIDECAR_PORT}/`
  return {
    phase: view.phase,
    phase_since: view.phaseSince,
    mode: settings.KSI_MODE,
    problem: view.problem ?? runnerHost.problem,
    generation: view.generation,
    generation_since: view.liveSince,
    last_failure: view.lastFailure ?? runnerHost.failure,
    trouble: generations.trouble,
    filling: [...generations.condition.filling],
    troubles: [...generations.condition.troubles],
    debugged: generations.debugged,
    poison: front?.poison() ?? [],
    missing: missingOf(parts),
    losses: lossesOf(paths.journal),
    waiting_for_restart: [...new Set([...changes.waitingForRestart, ...runnerHost.outdated])],
    swaps: view.swaps,
    failed_swaps: view.failedSwaps,
    crashes: view.crashes,
    next_try_at: view.nextTryAt,
    spare: generations.hasSpare,
    watching: changes.isWatching,
    watch_problem: changes.problem,
    connections: front?.stats().connections ?? 0,
    held_lines: front?.stats().heldLines ?? 0,
    runner_host: runnerHost.state,
    runners: runnerHost.runners.map(({ id, accepting, since }) => ({ id, accepting, since })),
    sidecar: settings.KSI_SIDECAR === 'off' ? null : { url: page },
    addresses: {
      socket: paths.socket,
      tcp: settings.KSI_PUBLISHED ?? `${inUrl(settings.KSI_HOST)}:${front?.tcpPort ?? settings.KSI_PORT}`,
    },
    journal: { path: paths.journal, kept: settings.keepsState },
    started_at: startedAt,
    pid: process.pid,
  }
}

function missingOf({ sidecar, runnerHost }: Parts): string[] {
  const noRunner = runnerHost.runners.every(({ accepting }) => !accepting) && process.uptime() * 1_000 > startingMs
  return [
    ...(noRunner ? ['No runner takes work, so requests wait.'] : []),
    ...(sidecar?.problem == null ? [] : [sidecar.problem]),
  ]
}

function lossesOf(journal: string): SupervisorStatus['losses'] {
  try {
    return readLosses(journal)
  } catch {
    // Its folder cannot be read: that is said as a problem of the generations.
    return []
  }
}

/** An IPv6 address stands in brackets before a port. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
