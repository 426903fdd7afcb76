import { setImmediate as others } from 'node:timers/promises'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type { CheckpointReplies } from '../../contracts/events/dev.ts'
import type { CheckpointReason } from '../../contracts/words.ts'
import { iso } from '../../lib/time.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { Collected } from '../module-host/module-host.ts'
import { compare, listRequests, showCheckpoint } from './shown.ts'

export interface TakenCheckpoint {
  id: number
  at: number
  sessions: number
  queued: number
  active: number
}

/**
 * Takes a checkpoint: one row, and the states of the add-on modules. It is safe against a power cut only after
 * `journal.durably()`, or a `flush()` after it.
 * @param cut `states` where they were collected before; those of the dead are kept in the checkpoints they gave them to
 */
export function takeCheckpoint(
  core: Core,
  reason: CheckpointReason,
  cut: { files?: string[]; states?: Collected[] } = {},
): TakenCheckpoint {
  const { files = [], states } = cut
  if (states === undefined) return collectAndTake(core, reason, files)
  return core.journal.tx(() => {
    const at = Date.now()
    const tick = core.journal.emit('checkpoint:saved', {
      reason,
      generation: core.generation,
      queued: core.requests.total('queued'),
      active: core.requests.total('processing'),
    })
    return {
      at,
      ...core.journal.checkpoints.insert({ tick, at, reason, generation: core.generation, files, states }),
    }
  })
}

/** What modules only promise is added when it is there, as they are then. */
function collectAndTake(core: Core, reason: CheckpointReason, files: string[]): TakenCheckpoint {
  const { journal, modules, log } = core
  const { now, later } = modules.collect()
  const taken = takeCheckpoint(core, reason, { files, states: now })
  const add = async (): Promise<void> => {
    const states = (await later) ?? []
    journal.tx(() => states.forEach((state) => journal.moduleStates.put(taken.id, state)))
  }
  if (later !== undefined)
    journal.afterCommit(() => void add().catch((err: unknown) => log.error({ err }, 'modules: no state was added')))
  return taken
}

type Data = EventData<'dev:checkpoint'>
type Services = { remove: (requestId: string) => unknown }
type Answers = {
  [A in Data['action']]: (
    core: Core,
    data: Data,
    services: Services,
  ) => CheckpointReplies[A] | Promise<CheckpointReplies[A]>
}

/** `dev:checkpoint` with its actions (docs/wire.md, "Checkpoint events"). */
export function registerCheckpoints(core: Core, services: Services): void {
  const answer = (data: Data): EventReply<'dev:checkpoint'> | Promise<EventReply<'dev:checkpoint'>> =>
    answers[data.action](core, data, services)
  core.router.on('dev:checkpoint', answer, { service: 'checkpoint' })
}

const answers: Answers = {
  create: (core, { reason }) => create(core, reason),
  status,
  list: (core) => ({ checkpoints: core.journal.checkpoints.list(500) }),
  show: (core, { checkpoint, after }) => showCheckpoint(core, checkpoint, after),
  diff: (core, { checkpoint, against }) => compare(core, checkpoint, against),
  list_requests: (core, { checkpoint, after }) => listRequests(core, checkpoint, after),
  remove_request: (_core, { request_id }, services) => remove(services, request_id),
  clear_failed: async (core) => ({ filter: 'failed', ...(await clear(core, 'failed')) }),
  clear_all: async (core) => ({ filter: 'all', ...(await clear(core, 'all')) }),
}

function remove(services: Services, requestId: string | undefined): CheckpointReplies['remove_request'] {
  if (requestId === undefined) throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: request_id (str)')
  services.remove(requestId)
  return { status: 'removed', request_id: requestId }
}

function create(core: Core, reason: CheckpointReason): CheckpointReplies['create'] {
  const taken = takeCheckpoint(core, reason)
  core.journal.afterCommit(() => core.journal.flush())
  return {
    status: 'saved',
    checkpoint: taken.id,
    timestamp: iso(taken.at),
    sessions: taken.sessions,
    queued_requests: taken.queued,
    active_requests: taken.active,
  }
}

function status(core: Core): CheckpointReplies['status'] {
  const [row] = core.journal.checkpoints.list(1)
  if (row === undefined) return { status: 'no_checkpoint' }
  return {
    status: 'saved',
    checkpoint: row.id,
    reason: row.reason,
    timestamp: row.at,
    sessions: row.sessions,
    queued_requests: row.queued,
    active_requests: row.active,
  }
}

/** Requests looked at in one transaction: a few ms. */
const slice = 200

/** Removes failed (or all finished) requests from the journal; queued and processing ones stay. */
async function clear(core: Core, filter: 'failed' | 'all'): Promise<Omit<CheckpointReplies['clear_all'], 'filter'>> {
  const { journal } = core
  let removed = 0
  for (let from: number | undefined = 0; from !== undefined;) {
    await others()
    const after: number = from
    const went = journal.tx(() => journal.finished.clear(filter, after, slice))
    removed += went.removed
    from = went.next
  }
  await journal.synced()
  return { status: 'cleared', removed_count: removed, remaining_count: journal.finished.remaining() }
}
