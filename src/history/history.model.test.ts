import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { outcomeOf } from './event.ts'
import type { HistoryEvent } from './event.ts'
import { EventHistory } from './event-history.ts'

/** What a daemon could do next, in a conversation; where it cannot, nothing happens. */
const step = fc.record({
  conversation: fc.constantFrom('c', 'd'),
  act: fc.constantFrom('accept', 'inject', 'start', 'again', 'retry', 'complete', 'fail', 'cancel'),
})

interface Running {
  waiting: { id: string; rank: number; at: number }[]
  running: string | undefined
}

/** The events of a daemon that keeps its promises. */
function goodHistory(steps: readonly { conversation: string; act: string }[]): HistoryEvent[] {
  const events: HistoryEvent[] = []
  const queues = new Map<string, Running>()
  let count = 0
  const tell = (event: string, conversation: string, data: Record<string, unknown>): void => {
    events.push({ event, seq: events.length + 1, data: { conversation, ...data } })
  }
  for (const { conversation, act } of steps) {
    const queue = queues.get(conversation) ?? { waiting: [], running: undefined }
    queues.set(conversation, queue)
    const { running: request_id } = queue
    if (act === 'accept' || act === 'inject') {
      const id = `r${++count}`
      const priority = act === 'inject' ? 'INJECT' : 'ASYNC'
      queue.waiting.push({ id, rank: act === 'inject' ? 1 : 2, at: count })
      tell('completion:queued', conversation, { request_id: id, priority })
    } else if (act === 'start') {
      const first = queue.waiting.toSorted((a, b) => a.rank - b.rank || a.at - b.at)[0]
      if (request_id !== undefined || first === undefined) continue
      queue.waiting = queue.waiting.filter((one) => one !== first)
      queue.running = first.id
      tell('completion:progress', conversation, { request_id: first.id, status: 'calling_provider' })
    } else if (request_id !== undefined) {
      queue.running = undefined
      if (act === 'again' || act === 'retry') queue.waiting.push({ id: request_id, rank: 0, at: 0 })
      if (act === 'again') tell('completion:queued', conversation, { request_id, again: true })
      if (act === 'retry') tell('completion:progress', conversation, { request_id, status: 'retrying' })
      if (act === 'complete') tell('completion:result', conversation, { request_id })
      if (act === 'fail') tell('completion:failed', conversation, { request_id, reason: 'daemon_restart' })
      if (act === 'cancel') tell('completion:cancelled', conversation, { request_id })
    }
  }
  return events
}

function play(events: readonly HistoryEvent[]): EventHistory {
  const history = new EventHistory()
  for (const [i, event] of events.entries()) history.take({ ...event, seq: i + 1 })
  return history
}

const histories = fc.array(step, { minLength: 1, maxLength: 60 }).map(goodHistory)
const historiesWithPlace = histories.chain((events) =>
  fc.record({ events: fc.constant(events), at: fc.nat(Math.max(0, events.length - 1)) }),
)

test('no history of a daemon that keeps its promises shows a fault', () => {
  fc.assert(fc.property(histories, (events) => assert.deepEqual(play(events).faults, [])))
})

test('any event of a good history told twice over is found', () => {
  fc.assert(
    fc.property(historiesWithPlace, ({ events, at }) => {
      const event = events[at]
      if (event !== undefined) assert.notDeepEqual(play(events.toSpliced(at, 0, event)).faults, [])
    }),
  )
})

test('an acceptance or an outcome that is left out of a good history is found', () => {
  fc.assert(
    fc.property(historiesWithPlace, ({ events, at }) => {
      const event = events[at]
      if (event === undefined) return
      const left = play(events.toSpliced(at, 1))
      const id = String(event.data['request_id'])
      if (outcomeOf(event) !== undefined) assert.deepEqual(left.unfinished([id]), [id])
      const goesOn = events.slice(at + 1).some(({ data }) => data['request_id'] === id)
      if (event.event === 'completion:queued' && goesOn) assert.notDeepEqual(left.faults, [])
    }),
  )
})
