import type { CheckpointReason } from '../../contracts/words.ts'
import { iso } from '../../contracts/completion.ts'
import { KsiError } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import type { Core } from '../core.ts'

export interface TakenCheckpoint {
  id: number
  at: number
  sessions: number
  queued: number
  active: number
}

/**
 * Takes a checkpoint: the other services' state is collected (`checkpoint:collect`), one row written. It is safe
 * against
 * a power cut only after `journal.durably()`, or a `flush()` after it.
 */
export function takeCheckpoint(core: Core, reason: CheckpointReason, files: string[] = []): TakenCheckpoint {
  const states = Object.entries(collectServices(core)).map(([module, state]) => ({ module, version: 0, state }))
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

function collectServices(core: Core): Record<string, unknown> {
  const results = core.router.emit('checkpoint:collect', {})
  if (results instanceof Promise)
    throw new KsiError('KSI_INTERNAL', 'checkpoint:collect handlers must not be asynchronous: a checkpoint is one cut.')
  return Object.assign({}, ...results.filter(isObject)) as Record<string, unknown>
}

/** `dev:checkpoint` with its actions (ksi-wire §4.2), and list, show and diff. */
export function registerCheckpoints(core: Core, services: { cancel: (requestId: string) => unknown }): void {
  core.router.on('dev:checkpoint', (data) => answer(core, services, data), { service: 'checkpoint' })
}

function answer(
  core: Core,
  services: { cancel: (requestId: string) => unknown },
  data: Record<string, unknown>,
): Record<string, unknown> {
  const number = data.checkpoint as number | undefined
  switch (data.action) {
    case 'create':
      return create(core, data.reason as CheckpointReason)
    case 'status':
      return status(core)
    case 'list':
      return { checkpoints: core.journal.checkpoints.list(500) }
    case 'show':
      return { ...found(core.journal.checkpoints.show(number), number) }
    case 'diff':
      return diff(core, number, data.against as number | undefined)
    case 'list_requests':
      return listRequests(core, number)
    case 'remove_request':
      if (typeof data.request_id !== 'string')
        throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: request_id (str)')
      services.cancel(data.request_id)
      return { status: 'removed', request_id: data.request_id }
    default:
      return clear(core, data.action === 'clear_failed' ? 'failed' : 'all')
  }
}

function create(core: Core, reason: CheckpointReason): Record<string, unknown> {
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

function status(core: Core): Record<string, unknown> {
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

function listRequests(core: Core, number: number | undefined): Record<string, unknown> {
  const content = found(core.journal.checkpoints.show(number), number)
  const queued = Object.entries(content.session_queues).flatMap(([session_id, queue]) =>
    queue.map(({ request_id }) => ({ request_id, status: 'queued', session_id })),
  )
  const active = Object.entries(content.active_operations).map(([request_id, { session_id }]) => ({
    request_id,
    status: 'processing',
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
function diff(core: Core, number: number | undefined, against: number | undefined): Record<string, unknown> {
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
function clear(core: Core, filter: 'failed' | 'all'): Record<string, unknown> {
  const { removed, remaining } = core.journal.finished.clear(filter)
  return { status: 'cleared', filter, removed_count: removed, remaining_count: remaining }
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
