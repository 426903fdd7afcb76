import type { BootFailure, Phases, ToGeneration, Trouble } from '../../contracts/control.ts'
import type { CheckpointReason } from '../../contracts/words.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import type { DetachCause } from '../front/retrial.ts'
import type { Change, Live } from './state.ts'

/** What a deadline's keeper saw of the time it took. */
export interface Measured {
  /** ms in which this process itself did not run */
  readonly stoodStillMs: number
  /** CPU time, in ms, of the process that is waited for; undefined where it is not known */
  readonly cpuMs?: number | undefined
  /** how often in a row the live one was asked for a sign of life and gave none */
  readonly unanswered?: number | undefined
}

export type Timer =
  | 'boot'
  | 'first-sign'
  | 'supersede'
  | 'retire'
  | 'activate'
  | 'stuck'
  | 'probation'
  | 'retry'
  | 'refill'
  | 'installed'
  | `end:${number}`

export type GenerationEvent =
  /** Save, reload or start; `waiter` is answered with what comes of it. */
  | { type: 'changed'; change: Change; waiter?: number }
  | { type: 'spare'; id: number }
  | { type: 'standby'; id: number; phases: Phases }
  | { type: 'live'; id: number; live: Live }
  | { type: 'retired'; id: number }
  | { type: 'failed'; id: number; error: ErrorReport }
  | { type: 'troubled'; id: number; error: ErrorReport }
  | { type: 'condition'; id: number; filling: readonly string[]; troubles: readonly Trouble[] }
  /** It said something nobody here understands. */
  | { type: 'unknown'; id: number; error: ErrorReport }
  /** It gave a sign of life. */
  | { type: 'answered'; id: number }
  /** It waits for a sync of the journal, by its own word, or does not any more. */
  | { type: 'syncing'; id: number; syncing: boolean }
  /** It has given none for the time of the heartbeat. */
  | { type: 'silent'; id: number }
  | { type: 'ended'; id: number; end: ChildEnd }
  | { type: 'timer'; name: Timer; measured: Measured }
  /** A change failed that is not a generation's own: to be written down and told. */
  | { type: 'failure'; failure: BootFailure }
  | { type: 'stop'; reason: CheckpointReason }

/** The world at the moment of an event. */
export interface Now {
  /** ms of a clock that only goes forwards */
  readonly ms: number
  /** epoch ms, for people */
  readonly at: number
  /** stands for what of ours a spare made now would load */
  readonly stamp: string
  /** stands for the source as it is on disk, as far as is known; empty where none is kept */
  readonly tree: string
}

export type SwapResult =
  | { status: 'live'; generation: number; phases: Phases; files: string[] }
  | { status: 'failed'; failure: BootFailure }

export type Effect =
  /**
   * `preload`: the code on disk is known to be good, and may be imported ahead of time. `tree`: the kept source that
   * it runs.
   */
  | { type: 'fork'; id: number; preload: boolean; tree?: string }
  | { type: 'send'; id: number; message: ToGeneration }
  | { type: 'kill'; id: number }
  | { type: 'watch'; id: number }
  | { type: 'unwatch'; id: number }
  /** To the front: lines wait; lines and replies go over this process's stream; there is nobody. */
  | { type: 'hold' }
  | { type: 'attach'; id: number }
  | { type: 'detach'; cause: DetachCause }
  /** A deadline: only time in which its keeper runs counts. Starting one that runs starts it anew. */
  | { type: 'startTimer'; name: Timer; ms: number; id?: number }
  | { type: 'stopTimer'; name: Timer }
  | { type: 'answer'; waiters: readonly number[]; result: SwapResult }
  | { type: 'becameLive'; live: Live; change: Change; phases: Phases }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string }
  | { type: 'stopped' }
