import { iso } from '../../lib/time.ts'
import type { EventReply } from '../../contracts/events.ts'
import type { RestoreReport } from '../../contracts/control.ts'
import { takeCheckpoint } from './checkpoint.ts'
import { lostProcessing, restoreCheckpoint } from './restore-checkpoint.ts'
import type { CompletionService } from '../completion/service.ts'
import type { Core } from '../core.ts'
import { eventPriority } from '../wire/router.ts'

/** What the restore has found, once it has run. */
export interface RestoreResult {
  report: RestoreReport | undefined
}

/**
 * Restores as a LOW handler of `system:startup`: every other service is there by then. Every boot restores, since the
 * queue is the journal itself; whether that outlives the process is decided by where the journal lies.
 */
export function registerRestore(core: Core, completion: CompletionService, crashed: boolean): RestoreResult {
  const result: RestoreResult = { report: undefined }
  const service = 'restore'
  core.router.on(
    'system:startup',
    async () => {
      const { journal, modules, generation } = core
      // After a crash there is no checkpoint of the end: the cut is taken now, of what the dead generation left. What
      // its modules had died with it; they get what they gave to a checkpoint before.
      if (crashed) takeCheckpoint(core, 'crash-recovery', { states: [] })
      result.report = completion.restore(crashed)
      journal.tx(() => journal.checkpoints.markRestored({ generation, at: Date.now() }))
      await modules.restore(core)
    },
    { service, priority: eventPriority.LOW },
  )
  core.router.on(
    'dev:restore',
    (data, context) =>
      data.checkpoint === undefined
        ? restoreAgain(core, completion)
        : restoreCheckpoint(core, completion, data, context),
    { service },
  )
  return result
}

/** `dev:restore`: the same work on the live journal; it finds nothing to do unless something is out of line. */
function restoreAgain(core: Core, completion: CompletionService): EventReply<'dev:restore'> {
  const { journal } = core
  const [checkpoint] = journal.checkpoints.list(1)
  const before = journal.finished.newest()
  const report = completion.restore(false)
  const lost = journal.finished.failedAfter(before).flatMap((row) => lostProcessing(core, row))
  return {
    status: 'restored',
    checkpoint_time: checkpoint?.at ?? iso(Date.now()),
    completion_results: {
      restored_sessions: core.conversations.countQueued(),
      restored_requests: report.queued + report.adopted,
      failed_requests: report.lost + report.poisoned,
      lost_processing: lost,
      report,
    },
    context_results: { modules: core.modules.names },
  }
}
