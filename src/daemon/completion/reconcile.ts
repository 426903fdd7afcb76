import type { RestoreReport } from '../../contracts/control.ts'
import type { HeldRun, RunOutcome } from '../../contracts/runner.ts'
import type { UnfinishedRun } from '../../store/runs.ts'
import type { Core } from '../core.ts'
import { fail, lose, queueAgain, settle } from './settle.ts'

/** What is known of a runner: the runs it holds, that it cannot be reached just now, or that it is no more. */
export type RunnerKnowledge = Map<string, HeldRun> | 'unreachable' | 'gone'

/** How runners, and the logs of those that are no more, answer while the journal is brought into line with them. */
export interface RunnerWorld {
  knowledge(runnerId: string | null): RunnerKnowledge
  /** The outcome a runner that is no more has left. */
  left(runnerId: string, runId: string): RunOutcome | undefined
  /** What such a run had said when its runner went down. */
  said(runnerId: string, runId: string): string | undefined
}

/** Crashes with a request in hand after which it is taken for the cause. */
const poisonCrashes = 2

/** An empty report. */
export function emptyReport(): RestoreReport {
  return { queued: 0, adopted: 0, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }
}

/**
 * Counts the crash against what the dead generation had in hand, and quarantines it when that is the second time.
 * Call within a transaction.
 */
export function quarantine(core: Core, crashed: boolean, report: RestoreReport): void {
  const requestId = core.journal.hand.left()
  if (!crashed || requestId === undefined) return
  const row = core.requests.get(requestId)
  if (row === undefined || row.finished_at !== null) return
  core.requests.countCrash(requestId)
  const crashes = row.crash_count + 1
  if (crashes < poisonCrashes) return
  const doing = row.state === 'queued' ? 'being started' : 'being finished'
  fail(core, row, {
    reason: 'poison',
    message:
      `The daemon died ${crashes} times while this request was ${doing}; ` +
      'it is set aside so that its conversation can go on',
  })
  report.poisoned += 1
}

/**
 * Brings every run that has not ended into line with what the runners hold; `only` limits it to the runs of one runner.
 * Running it twice, or again after it was cut off, gives the same result: each step is decided by the row's state. Call
 * within a transaction.
 */
export function reconcile(core: Core, world: RunnerWorld, report: RestoreReport, only?: string): void {
  for (const run of core.journal.runs.unfinished()) {
    if (only !== undefined && run.runner_id !== only) continue
    if (run.state === 'processing') reconcileRun(core, world, run, report)
    // A cancelled request keeps its conversation busy until its run has ended; if no runner has that run, it has.
    else if (!stillRuns(world, run)) core.journal.runs.end(run, 'cancelled', Date.now())
  }
}

function reconcileRun(core: Core, world: RunnerWorld, row: UnfinishedRun, report: RestoreReport): void {
  const runId = row.run_id ?? ''
  const knowledge = world.knowledge(row.runner_id)
  if (knowledge === 'unreachable') return
  const held = knowledge === 'gone' ? undefined : knowledge.get(runId)
  const outcome = held ? held.outcome : row.runner_id === null ? undefined : world.left(row.runner_id, runId)
  if (outcome !== undefined) {
    settle(core, row, outcome)
    report.recovered_outcomes += 1
  } else if (held !== undefined) {
    report.adopted += 1
  } else if (knowledge === 'gone') {
    report[lose(core, row, row.runner_id === null ? undefined : world.said(row.runner_id, runId))] += 1
  } else {
    // The runner lives and has never heard of it: the daemon died between commit and start.
    queueAgain(core, row, 'never began')
    report.requeued += 1
  }
}

function stillRuns(world: RunnerWorld, row: UnfinishedRun): boolean {
  const knowledge = world.knowledge(row.runner_id)
  if (knowledge === 'gone') return false
  if (knowledge === 'unreachable') return true
  const held = knowledge.get(row.run_id ?? '')
  return held !== undefined && held.outcome === undefined
}
