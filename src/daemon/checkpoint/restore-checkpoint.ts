import { hash } from 'node:crypto'
import { setImmediate as others } from 'node:timers/promises'
import type { CheckpointContent } from '../../contracts/checkpoint.ts'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type { RestorePlan } from '../../contracts/events/dev.ts'
import { messageOf } from '../../lib/errors.ts'
import { isoOrNull } from '../../lib/time.ts'
import type { Shown } from '../../store/cut.ts'
import type { RequestRow } from '../../store/rows.ts'
import { readStored } from '../../store/stored.ts'
import { acceptRequest } from '../completion/accept.ts'
import { retryRequest } from '../completion/retry.ts'
import type { Core } from '../core.ts'
import type { EventContext } from '../wire/router.ts'
import { takeCheckpoint } from './checkpoint.ts'
import { headOf, pagesOf } from './shown.ts'

type Asked = EventData<'dev:restore'>
type Reply = EventReply<'dev:restore'>
type Lost = Reply['completion_results']['lost_processing']
/** A request of the checkpoint, and what there is of it now. */
interface Then extends Shown {
  now: RequestRow | undefined
}
type Fate = 'stays' | 'completed' | 'back' | 'again' | 'record'

/** What a restore has done so far. */
interface Work {
  plan: RestorePlan
  context: EventContext
  refused: number
  /** conversations that have something queued by it */
  sessions: Set<string>
}

/** Requests named in a reply. */
const named = 1_000
/** Requests put back in one transaction: a few ms. */
const slice = 100

/**
 * Queues again what a checkpoint shows and what has been lost since: what was removed or cleared comes back under its
 * id, what was cancelled or failed (with `replay` what was completed too) under a new id linked to the old. What still
 * waits or runs stays where it is. Another checkpoint is taken before. Ids are made of the old ones, so that the same
 * again, also after a crash half way, does nothing twice.
 * @throws KsiError KSI_NOT_FOUND
 */
export async function restoreCheckpoint(
  core: Core,
  completion: { kick: () => void },
  asked: Asked,
  context: EventContext,
): Promise<Reply> {
  const head = headOf(core, asked.checkpoint)
  const plan: RestorePlan = {
    checkpoint: head.id,
    taken: null,
    stays: 0,
    brought_back: 0,
    queued_again: 0,
    completed: 0,
    requests: [],
  }
  const work: Work = { plan, context, refused: 0, sessions: new Set() }
  const lost: Lost = []
  // Not a part of the transaction in which this was asked for.
  await others()
  if (!asked.dry_run) plan.taken = takeCheckpoint(core, 'restore').id
  for await (const page of pagesOf(core, head.tick)) {
    const wanted = page.filter(({ conversation }) => conversation === (asked.conversation ?? conversation))
    for (let from = 0; from < wanted.length; from += slice) {
      core.journal.tx(() => {
        for (const shown of wanted.slice(from, from + slice)) {
          const then = { ...shown, now: core.requests.get(shown.request_id) }
          if (Object.hasOwn(head.active_operations, shown.request_id) && then.now !== undefined)
            lost.push(...lostProcessing(core, then.now))
          if (restoreOne(core, then, asked, work)) work.sessions.add(shown.conversation)
        }
      })
      await others()
    }
  }
  await core.journal.synced()
  completion.kick()
  return toReply(head, work, lost, asked.dry_run)
}

function toReply(head: Pick<CheckpointContent, 'at' | 'services'>, work: Work, lost: Lost, dry: boolean): Reply {
  const { plan, refused, sessions } = work
  return {
    status: dry ? 'dry_run' : 'restored',
    checkpoint_time: head.at,
    completion_results: {
      restored_sessions: sessions.size,
      restored_requests: plan.brought_back + plan.queued_again,
      failed_requests: refused,
      lost_processing: lost.slice(0, named),
    },
    context_results: { modules: Object.keys(head.services) },
    plan,
  }
}

/** @returns whether it is queued by that */
function restoreOne(core: Core, then: Then, { replay, dry_run: dry }: Asked, work: Work): boolean {
  const { plan, context } = work
  const fate = fateOf(core, then, replay)
  if (fate === 'stays' || fate === 'completed') {
    plan[fate] += 1
    return false
  }
  const as = fate === 'again' ? newId(then.request_id, plan.checkpoint) : then.request_id
  if (fate === 'again' && core.requests.get(as) !== undefined) {
    plan.stays += 1
    return false
  }
  const becomes = fate === 'again' ? 'queued_again' : 'brought_back'
  const name = (one: RestorePlan['requests'][number]): void => {
    if (plan.requests.length < named) plan.requests.push(one)
  }
  try {
    if (!dry) core.journal.tx(() => putBack(core, then, { fate, as, context }))
    plan[becomes] += 1
    name({ request_id: then.request_id, becomes, as })
    return fate !== 'record'
  } catch (error) {
    work.refused += 1
    name({ request_id: then.request_id, becomes: 'refused', as, error: messageOf(error) })
    return false
  }
}

function fateOf(core: Core, { now, id }: Then, replay: boolean): Fate {
  if (now === undefined) return core.journal.removed.get(id)?.state === 'completed' && !replay ? 'record' : 'back'
  if (now.finished_at === null) return 'stays'
  if (now.state === 'completed') return replay ? 'again' : 'completed'
  return core.requests.outcome(now.request_id)?.reason === 'removed' ? 'back' : 'again'
}

function putBack(
  core: Core,
  then: Then,
  { fate, as, context }: { fate: Exclude<Fate, 'stays' | 'completed'>; as: string; context: EventContext },
): void {
  const { id, request_id, now } = then
  if (fate === 'record') return core.journal.removed.bringBack(id)
  if (fate === 'again') {
    retryRequest(core, { request_id, as }, context, true)
    return
  }
  const row = now ?? core.journal.removed.get(id)
  if (now !== undefined) core.journal.removed.take([now.id])
  const data = readStored<EventData<'completion:async'>, EventData<'completion:async'>>(then.data, {})
  acceptRequest(core, {
    event: row?.event === 'completion:inject' ? 'completion:inject' : 'completion:async',
    priority: row?.priority ?? 'ASYNC',
    data: { ...data, request_id, conversation_id: then.conversation },
    context,
  })
}

/** The id under which a request is queued again by the restore of a checkpoint: always the same. */
function newId(requestId: string, number: number): string {
  const suffix = `.restored-${number}`
  if (requestId.length + suffix.length <= 200) return requestId + suffix
  return `${requestId.slice(0, 140)}.${hash('sha1', requestId)}${suffix}`
}

/** What is told of a request that was lost with its runner; nothing of any other. */
export function lostProcessing(core: Core, row: RequestRow): Lost {
  const reason = core.requests.outcome(row.request_id)?.reason
  if (reason !== 'daemon_restart') return []
  const { request_id, session_id, started_at, state } = row
  return [{ request_id, session_id, started_at: isoOrNull(started_at), status: state, reason }]
}
