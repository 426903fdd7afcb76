import { setImmediate as others } from 'node:timers/promises'
import type { CheckpointContent } from '../../contracts/checkpoint.ts'
import type { CheckpointReplies } from '../../contracts/events/dev.ts'
import { KsiError } from '../../lib/errors.ts'
import { iso } from '../../lib/time.ts'
import type { Shown } from '../../store/cut.ts'
import { readStored } from '../../store/stored.ts'
import type { Core } from '../core.ts'

/*
 * What a checkpoint shows. Where a million requests were queued it takes seconds to look at them: others get their turn
 * after every page of them.
 */

/** Characters of requests a reply carries at most: it must stay under the clients' 10 MiB a line. */
const shownCharacters = 8 * 1024 * 1024
/** What a request takes in a reply beside its data and its names. */
const overhead = 160
/** Ids of one kind that a comparison names. */
const named = 10_000

type Head = Omit<CheckpointContent, 'session_queues' | 'truncated' | 'next'>
type Data = Record<string, unknown>

/** A checkpoint without its queues; the newest when no number is given. @throws KsiError KSI_NOT_FOUND */
export function headOf(core: Core, number: number | undefined): Head {
  const head = core.journal.checkpoints.head(number)
  if (head !== undefined) return head
  throw new KsiError(
    'KSI_NOT_FOUND',
    number === undefined
      ? 'No checkpoint found. Take one with "ksi checkpoint create".'
      : `There is no checkpoint ${number}. "ksi checkpoint list" names those there are.`,
  )
}

/** All pages of a cut, with a turn for others between them. */
export async function* pagesOf(core: Core, tick: number, after?: number): AsyncGenerator<Shown[], void> {
  await others()
  for (const page of core.journal.checkpoints.cut(tick, after)) {
    yield page
    await others()
  }
}

/** As many of the queued requests of a checkpoint as a reply can hold, and where the next reply is to go on. */
async function shownOf(core: Core, head: Head, after?: number): Promise<{ shown: Shown[]; next: number | null }> {
  const shown: Shown[] = []
  let characters = 0
  for await (const page of pagesOf(core, head.tick, after))
    for (const one of page) {
      if (Object.hasOwn(head.active_operations, one.request_id)) continue
      characters += one.data.length + one.request_id.length + one.session.length + overhead
      if (characters > shownCharacters && shown.length > 0) return { shown, next: shown.at(-1)?.id ?? null }
      shown.push(one)
    }
  return { shown, next: null }
}

/** A checkpoint with its queues and active operations as they were then. @throws KsiError KSI_NOT_FOUND */
export async function showCheckpoint(core: Core, number?: number, after?: number): Promise<CheckpointContent> {
  const head = headOf(core, number)
  const { shown, next } = await shownOf(core, head, after)
  const content: CheckpointContent = { ...head, session_queues: {}, truncated: next !== null, next }
  for (const { session, request_id, data } of inOrder(shown))
    (content.session_queues[session] ??= []).push({
      request_id,
      status: 'queued',
      data: readStored<Data, Data>(data, {}),
    })
  return content
}

function inOrder(shown: Shown[]): Shown[] {
  return shown.sort((a, b) => a.rank - b.rank || a.id - b.id)
}

/** The same as a list, with what became of each. @throws KsiError KSI_NOT_FOUND */
export async function listRequests(
  core: Core,
  number?: number,
  after?: number,
): Promise<CheckpointReplies['list_requests']> {
  const head = headOf(core, number)
  const { shown, next } = await shownOf(core, head, after)
  const queued = inOrder(shown).map(({ request_id, session }) => ({
    request_id,
    status: 'queued' as const,
    session_id: session,
  }))
  const active = Object.entries(after === undefined ? head.active_operations : {}).map(
    ([request_id, { session_id }]) => ({ request_id, status: 'processing' as const, session_id }),
  )
  const requests: CheckpointReplies['list_requests']['requests'] = []
  for (const [n, request] of [...active, ...queued].entries()) {
    if (n % 1_000 === 999) await others()
    const row = core.requests.get(request.request_id)
    requests.push({
      ...request,
      status_now: row?.state ?? null,
      queued_at: row === undefined ? null : iso(row.queued_at),
      error: core.requests.outcome(request.request_id)?.message ?? null,
    })
  }
  return { requests, count: requests.length, checkpoint: head.id, checkpoint_timestamp: head.at, next }
}

type Changes = CheckpointReplies['diff']

/** What changed from checkpoint `number` to `against` (the newest when not given). @throws KsiError */
export async function compare(core: Core, number: number | undefined, against: number | undefined): Promise<Changes> {
  if (number === undefined) throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: checkpoint (int)')
  const [a, b] = [headOf(core, number), headOf(core, against)]
  const changes: Changes = {
    checkpoint: a.id,
    against: b.id,
    added: [],
    finished: [],
    started: [],
    queued_again: [],
    counts: { added: 0, finished: 0, started: 0, queued_again: 0 },
  }
  const note = (kind: keyof Changes['counts'], id: string): void => {
    changes.counts[kind] += 1
    if (changes[kind].length < named) changes[kind].push(id)
  }
  const active = { a: a.active_operations, b: b.active_operations }
  for await (const [id, was, is] of both(core, a.tick, b.tick)) {
    const [ran, runs] = [was && Object.hasOwn(active.a, id), is && Object.hasOwn(active.b, id)]
    if (was !== is) note(is ? 'added' : 'finished', id)
    if (runs && was && !ran) note('started', id)
    if (ran && is && !runs) note('queued_again', id)
  }
  return changes
}

/** Each request that was there at one of two ticks, and at which; one that came back under its id is the same. */
async function* both(core: Core, a: number, b: number): AsyncGenerator<[id: string, a: boolean, b: boolean], void> {
  const [first, second] = [ids(core, a), ids(core, b)]
  // They come by the same order: what is only in one of them is known as soon as the other has passed it.
  let [one, other] = [await first.next(), await second.next()]
  const [onlyA, onlyB] = [new Set<string>(), new Set<string>()]
  while (one.done !== true || other.done !== true) {
    const [at, beside] = [one.value?.id ?? Infinity, other.value?.id ?? Infinity]
    if (at === beside && one.value !== undefined) yield [one.value.request_id, true, true]
    else if (at < beside && one.value !== undefined) onlyA.add(one.value.request_id)
    else if (other.value !== undefined) onlyB.add(other.value.request_id)
    if (at <= beside) one = await first.next()
    if (beside <= at) other = await second.next()
  }
  for (const id of onlyA) yield [id, true, onlyB.delete(id)]
  for (const id of onlyB) yield [id, false, true]
}

async function* ids(core: Core, tick: number): AsyncGenerator<Shown, void> {
  for await (const page of pagesOf(core, tick)) yield* page
}
