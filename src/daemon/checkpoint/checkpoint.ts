import type { EventData, EventReply } from '../../contracts/events.ts'
import type { CheckpointReplies } from '../../contracts/events/dev.ts'
import type { CheckpointReason } from '../../contracts/words.ts'
import { iso } from '../../lib/time.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { Collected } from '../module-host/module-host.ts'

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
      queued: core.requests.queuedCount(),
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
type Services = { cancel: (requestId: string) => unknown }
type Answers = { [A in Data['action']]: (core: Core, data: Data, services: Services) => CheckpointReplies[A] }

/** `dev:checkpoint` with its actions (docs/wire.md, "Checkpoint events"). */
export function registerCheckpoints(core: Core, services: Services): void {
  core.router.on('dev:checkpoint', (data): EventReply<'dev:checkpoint'> => answers[data.action](core, data, services), {
    service: 'checkpoint',
  })
}

const answers: Answers = {
  create: (core, { reason }) => create(core, reason),
  status,
  list: (core) => ({ checkpoints: core.journal.checkpoints.list(500) }),
  show: (core, { checkpoint }) => found(core.journal.checkpoints.show(checkpoint), checkpoint),
  diff: (core, { checkpoint, against }) => diff(core, checkpoint, against),
  list_requests: (core, { checkpoint }) => listRequests(core, checkpoint),
  remove_request: (_core, { request_id }, services) => remove(services, request_id),
  clear_failed: (core) => ({ filter: 'failed', ...clear(core, 'failed') }),
  clear_all: (core) => ({ filter: 'all', ...clear(core, 'all') }),
}

function remove(services: Services, requestId: string | undefined): CheckpointReplies['remove_request'] {
  if (requestId === undefined) throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: request_id (str)')
  services.cancel(requestId)
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

function listRequests(core: Core, number: number | undefined): CheckpointReplies['list_requests'] {
  const content = found(core.journal.checkpoints.show(number), number)
  const queued = Object.entries(content.session_queues).flatMap(([session_id, queue]) =>
    queue.map(({ request_id }) => ({ request_id, status: 'queued' as const, session_id })),
  )
  const active = Object.entries(content.active_operations).map(([request_id, { session_id }]) => ({
    request_id,
    status: 'processing' as const,
    session_id,
  }))
  const requests = [...active, ...queued].map((request) => {
    const row = core.requests.get(request.request_id)
    return {
      ...request,
      status_now: row?.state ?? null,
      queued_at: row === undefined ? null : iso(row.queued_at),
      error: core.requests.outcome(request.request_id)?.message ?? null,
    }
  })
  return { requests, count: requests.length, checkpoint: content.id, checkpoint_timestamp: content.at }
}

/** What changed from checkpoint `number` to `against` (the newest when not given). */
function diff(core: Core, number: number | undefined, against: number | undefined): CheckpointReplies['diff'] {
  if (number === undefined) throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: checkpoint (int)')
  const newest = core.journal.checkpoints.list(1)[0]?.id
  const other = against ?? newest ?? number
  const [a, b] = [
    found(core.journal.checkpoints.ids(number), number),
    found(core.journal.checkpoints.ids(other), other),
  ]
  const was = new Set([...a.queued, ...a.active])
  const is = new Set([...b.queued, ...b.active])
  const only = (from: Set<string>, keep: (id: string) => boolean): string[] => [...from].filter(keep)
  return {
    checkpoint: number,
    against: other,
    added: only(is, (id) => !was.has(id)),
    finished: only(was, (id) => !is.has(id)),
    started: only(b.active, (id) => a.queued.has(id)),
    queued_again: only(b.queued, (id) => a.active.has(id)),
  }
}

/** Removes failed (or all finished) requests from the journal; queued and processing ones stay. */
function clear(core: Core, filter: 'failed' | 'all'): Omit<CheckpointReplies['clear_all'], 'filter'> {
  const { removed, remaining } = core.journal.finished.clear(filter)
  return { status: 'cleared', removed_count: removed, remaining_count: remaining }
}

function found<T>(value: T | undefined, number: number | undefined): T {
  if (value !== undefined) return value
  throw new KsiError(
    'KSI_NOT_FOUND',
    number === undefined
      ? 'No checkpoint found. Take one with "ksi checkpoint create".'
      : `There is no checkpoint ${number}. "ksi checkpoint list" names those there are.`,
  )
}
