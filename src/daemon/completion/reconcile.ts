import type { RestoreReport } from '../../contracts/control.ts'
import type { HeldRun, RunOutcome } from '../../contracts/runner.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import { fail, lose, queueAgain, settle } from './settle.ts'

/** What is known of a runner: the runs it holds, that it cannot be reached just now, or that it is no more. */
export type RunnerKnowledge = Map<string, HeldRun> | 'unreachable' | 'gone'

/** How runners and the spool answer while the journal is brought into line with them. */
export interface RunnerWorld {
  knowledge(runnerId: string | null): RunnerKnowledge
  spooled(runId: string): RunOutcome | undefined
}

/** Crashes with a request in hand after which it is taken for the cause. */
const poisonCrashes = 2

/** An empty report. */
export function emptyReport(): RestoreReport {
  return { queued: 0, adopted: 0, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }
}

/**
 * Counts the crash against what the dead generation had in hand, and quarantines what did it a second time.
 * Call within a transaction.
 */
export function quarantine(core: Core, crashed: boolean, report: RestoreReport): void {
  for (const row of core.requests.inHand()) {
    if (!crashed) continue
    core.requests.countCrash(row.request_id)
    if (row.crash_count + 1 < poisonCrashes) continue
    if (row.state !== 'queued' && row.state !== 'processing') continue
    const doing = row.state === 'queued' ? 'being started' : 'being finished'
    fail(core, row, {
      reason: 'poison',
      message: `The daemon died ${row.crash_count + 1} times while this request was ${doing}; it is set aside so that its conversation can go on`,
    })
    report.poisoned += 1
  }
}

/**
 * Brings every request the journal calls processing into line with what the runners hold; `only` limits it to the
 * requests of one runner. Running it twice, or again after it was cut off, gives the same result: each step is decided
 * by the row's state. Call within a transaction.
 */
export function reconcile(core: Core, world: RunnerWorld, report: RestoreReport, only?: string): void {
  for (const row of core.requests.processing())
    if (only === undefined || row.runner_id === only) reconcileRow(core, world, row, report)
  freeEndedConversations(core, world, only)
}

function reconcileRow(core: Core, world: RunnerWorld, row: RequestRow, report: RestoreReport): void {
  const runId = row.run_id ?? ''
  const knowledge = world.knowledge(row.runner_id)
  if (knowledge === 'unreachable') return
  const held = knowledge === 'gone' ? undefined : knowledge.get(runId)
  const outcome = held?.outcome ?? world.spooled(runId)
  if (outcome !== undefined) {
    settle(core, row, outcome)
    report.recovered_outcomes += 1
  } else if (held !== undefined) {
    report.adopted += 1
  } else if (knowledge === 'gone') {
    report[lose(core, row)] += 1
  } else {
    // The runner lives and has never heard of it: the daemon died between commit and start.
    queueAgain(core, row)
    report.requeued += 1
  }
}

/** A cancelled request keeps its conversation busy until its run has ended; if no runner has that run, it has. */
function freeEndedConversations(core: Core, world: RunnerWorld, only?: string): void {
  for (const { conversation, running } of core.conversations.running()) {
    const row = core.requests.get(running)
    if (row === undefined) core.conversations.clearRunning(conversation, running)
    else if (row.state !== 'processing' && (only === undefined || row.runner_id === only) && !stillRuns(world, row))
      core.conversations.clearRunning(conversation, running)
  }
}

function stillRuns(world: RunnerWorld, row: RequestRow): boolean {
  const knowledge = world.knowledge(row.runner_id)
  if (knowledge === 'gone') return false
  if (knowledge === 'unreachable') return true
  const held = knowledge.get(row.run_id ?? '')
  return held !== undefined && held.outcome === undefined
}
