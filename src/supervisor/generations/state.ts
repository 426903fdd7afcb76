import type { BootFailure, FromGeneration, Phases, SupervisorStatus, Trouble } from '../../contracts/control.ts'
import type { BootCause, CheckpointReason, PreviousEnd } from '../../contracts/words.ts'
import { noCrashes } from '../../lib/crash-backoff.ts'
import type { Crash, CrashBackoff } from '../../lib/crash-backoff.ts'

export type Live = Extract<FromGeneration, { type: 'live' }>

/**
 * Where a generation's process is on its way. `retired`: it was told to end, or killed, and is waited for.
 *
 *   spare → booting → standby → activating → live → retiring → parked → retired
 *                                    ▲                            │
 *                                    └── takes the journal back ──┘
 */
export type Phase = 'spare' | 'booting' | 'standby' | 'activating' | 'live' | 'retiring' | 'parked' | 'retired'

/** A generation's process. */
export interface Handle {
  readonly id: number
  readonly phase: Phase
  /** since when, ms of a clock that only goes forwards */
  readonly since: number
  /** It has said that it is a spare: its dependencies are imported. */
  readonly ready: boolean
  /** Stands for what of ours a spare has already loaded. */
  readonly stamp: string
  /** Stands for the source it was booted from; empty before. */
  readonly tree: string
  /** That was not on disk any more, but kept: it was rolled back to. */
  readonly isKept: boolean
  /** It was given the journal, and has neither said that it let go nor ended. */
  readonly holds: boolean
  /** It waits for a sync of the journal, by its own word: no deadline applies to it. */
  readonly syncing: boolean
  /** Why we killed it. */
  readonly killed: string | null
  /** The last error nobody caught, or word nobody understood. */
  readonly trouble: SupervisorStatus['trouble']
  /** Which of its quotas fill up. */
  readonly filling: readonly string[]
  readonly troubles: readonly Trouble[]
}

/** What leads to a boot. */
export interface Change {
  readonly cause: BootCause
  readonly files: readonly string[]
  /** epoch ms of the save, crash or start */
  readonly at: number
  /** from the save until it was seen */
  readonly watchMs?: number | undefined
  /** the kept source that is booted, at a roll-back; what is on disk when not given */
  readonly tree?: string | undefined
}

/** A change that waits for its boot, and who waits for what comes of it. */
export interface Pending {
  readonly change: Change
  readonly waiters: readonly number[]
}

/** A change that is being worked on. */
export interface Swap extends Pending {
  readonly bootId: string
  /** The process that is to go live. */
  readonly id: number
  readonly phases: Phases
  /** epoch ms */
  readonly begunAt: number
  /** when its process was taken, and since when lines are held: ms of a clock that only goes forwards */
  readonly takenAt: number
  readonly heldAt: number | null
  /** It was tried once already, when the machine or the process stood still. */
  readonly again: boolean
  /** It does not go live: it was asked whether it is busy, and has answered so often in a row, each time in time. */
  readonly asked: boolean
  readonly answers: number
}

/** The generation before is to take the journal back, because of this failure, or is doing so. */
interface TakeBack {
  readonly failure: BootFailure | null
  /** what went wrong: how long to wait, should there be nobody to take it back */
  readonly crash: Crash
  /** who does it */
  readonly id: number | null
}

/** What is shown of all this. */
export interface View {
  readonly phase: SupervisorStatus['phase']
  /** epoch ms, as all times here */
  readonly phaseSince: number
  readonly problem: string | null
  readonly lastFailure: BootFailure | null
  readonly generation: number | null
  readonly liveSince: number | null
  readonly nextTryAt: number | null
  readonly swaps: number
  readonly failedSwaps: number
  readonly crashes: number
}

/** Durations in ms; see contracts/settings.ts. */
export interface Limits {
  readonly bootMs: number
  readonly heartbeatMs: number
  readonly probationMs: number
  /** whether a spare is kept */
  readonly spare: boolean
}

/** Everything there is to know of the generations. */
export interface State {
  readonly limits: Limits
  /** One for each time the supervisor is started: the first part of its boots' ids. */
  readonly run: string
  /** The number of the last process, and of the last boot. */
  readonly lastId: number
  readonly lastBoot: number
  readonly handles: readonly Handle[]
  readonly pending: Pending | null
  readonly swap: Swap | null
  readonly back: TakeBack | null
  /** Files of changes that failed: not live until newer code is. */
  readonly failed: readonly string[]
  /** Files of the change that the live code went live with. */
  readonly liveFiles: readonly string[]
  /** Files that went live since the parked one was: not live any more should it take the journal back. */
  readonly sinceParked: readonly string[]
  /** The sources that were live, the newest last: what can be rolled back to. */
  readonly trees: readonly string[]
  /** The kept source that is to serve until something else is saved. */
  readonly kept: string | null
  /** What was installed when a package was not found: what failed is booted again once it is something else. */
  readonly notInstalled: string | null
  /** Why the code that dies is booted again and again: the code before it could not take the journal back. */
  readonly noWayBack: string | null
  readonly backoff: CrashBackoff
  /** What is pending waits for the end of a back-off. */
  readonly deferred: boolean
  /** Failures nobody has been told of: the next one live writes them down. Those it was told of on its way. */
  readonly untold: readonly BootFailure[]
  readonly telling: readonly BootFailure[]
  readonly previousEnd: {
    readonly previous_end: PreviousEnd
    readonly previous_detail?: string
    readonly previous_debugged?: boolean
  }
  readonly stopping: CheckpointReason | null
  /** All have ended, and it was told. */
  readonly stopped: boolean
  readonly view: View
}

/** Nothing runs yet. @param at epoch ms */
export function initialState(limits: Limits, run: string, at: number): State {
  return {
    limits,
    run,
    lastId: 0,
    lastBoot: 0,
    handles: [],
    pending: null,
    swap: null,
    back: null,
    failed: [],
    liveFiles: [],
    sinceParked: [],
    trees: [],
    kept: null,
    notInstalled: null,
    noWayBack: null,
    backoff: noCrashes,
    deferred: false,
    untold: [],
    telling: [],
    previousEnd: { previous_end: 'none' },
    stopping: null,
    stopped: false,
    view: {
      phase: 'starting',
      phaseSince: at,
      problem: null,
      lastFailure: null,
      generation: null,
      liveSince: null,
      nextTryAt: null,
      swaps: 0,
      failedSwaps: 0,
      crashes: 0,
    },
  }
}
