import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Priority } from '../contracts/words.ts'
import { contentOfJournal } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

interface ModelRequest {
  id: string
  rank: number
  tick: number
  notBefore: number | null
}

/** What a queue is, in the simplest words. */
class Model {
  readonly queues = new Map<string, ModelRequest[]>()
  /** conversation → the request whose run has not ended */
  readonly running = new Map<string, ModelRequest>()
  readonly states = new Map<string, string>()

  put(conversation: string, request: ModelRequest): void {
    const queue = [...(this.queues.get(conversation) ?? []), request]
    this.queues.set(
      conversation,
      queue.sort((a, b) => a.rank - b.rank || a.tick - b.tick),
    )
    this.states.set(request.id, 'queued')
  }

  take(conversation: string, request: ModelRequest, state: string): void {
    this.queues.set(
      conversation,
      (this.queues.get(conversation) ?? []).filter((other) => other !== request),
    )
    this.states.set(request.id, state)
  }

  next(now: number): string | undefined {
    const heads = [...this.queues].flatMap(([name, [head]]) =>
      head !== undefined && !this.running.has(name) ? [{ name, head }] : [],
    )
    const ready = heads.filter(({ head }) => head.notBefore === null || head.notBefore <= now)
    return ready.sort((a, b) => a.head.tick - b.head.tick)[0]?.name
  }
}

type Step =
  | { do: 'accept'; conversation: string; priority: Priority }
  | { do: 'start' }
  | { do: 'finish' | 'cancelRunning' | 'runEnded'; conversation: string }
  | { do: 'requeue'; conversation: string; waits: number }
  | { do: 'cancelQueued'; conversation: string; which: number }

const conversation = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      conversation,
      priority: fc.constantFrom<Priority>('INJECT', 'ASYNC'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('start' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('finish' as const, 'cancelRunning' as const, 'runEnded' as const),
      conversation,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('requeue' as const), conversation, waits: fc.constantFrom(0, 3, 10) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancelQueued' as const), conversation, which: fc.nat(3) }) },
)

/** One step on both; `now` is the number of the step. */
function take(queue: TestQueue, model: Model, step: Step, now: number): void {
  if (step.do === 'accept') {
    const id = `r${now}`
    const tick = queue.accept(id, step.conversation, step.priority)
    return model.put(step.conversation, { id, tick, rank: step.priority === 'INJECT' ? 1 : 2, notBefore: null })
  }
  if (step.do === 'start') {
    const name = model.next(now)
    assert.equal(queue.next(now), name)
    const head = model.queues.get(name ?? '')?.[0]
    if (name === undefined || head === undefined) return
    assert.equal(queue.requests.head(name)?.request_id, head.id)
    assert.equal(queue.start(head.id), true)
    model.take(name, head, 'processing')
    model.running.set(name, head)
    return
  }
  if (step.do === 'cancelQueued') {
    const waiting = model.queues.get(step.conversation)?.[step.which]
    if (waiting === undefined) return
    assert.equal(queue.finish(waiting.id, 'cancelled'), true)
    assert.equal(queue.finish(waiting.id, 'completed'), false, 'an outcome is final')
    assert.equal(queue.start(waiting.id), false)
    return model.take(step.conversation, waiting, 'cancelled')
  }
  const running = model.running.get(step.conversation)
  if (running === undefined) return
  takeRunning(queue, model, { ...step, running, processing: model.states.get(running.id) === 'processing', now })
}

function takeRunning(
  queue: TestQueue,
  model: Model,
  step: { do: string; conversation: string; waits?: number; running: ModelRequest; processing: boolean; now: number },
): void {
  const { running, conversation: name, processing } = step
  if (step.do === 'runEnded') {
    if (processing) return
    queue.runEnded(running.id)
    model.running.delete(name)
  } else if (step.do === 'requeue') {
    const notBefore = step.waits === 0 ? null : step.now + (step.waits ?? 0)
    assert.equal(queue.requeue(running.id, notBefore), processing)
    if (!processing) return
    model.running.delete(name)
    model.put(name, { ...running, rank: 0, notBefore })
  } else {
    const state = step.do === 'finish' ? 'completed' : 'cancelled'
    assert.equal(queue.finish(running.id, state), processing)
    if (!processing) return
    model.states.set(running.id, state)
    if (state === 'completed') model.running.delete(name)
  }
}

function compare(queue: TestQueue, model: Model): void {
  assert.deepEqual(queue.disagreements(), [])
  for (const [name, waiting] of model.queues) {
    assert.deepEqual(
      queue.queue(name),
      waiting.map(({ id }) => id),
      `the queue of ${name}`,
    )
    const row = queue.conversations.get(name)
    assert.deepEqual(
      [row?.queued, row?.head_tick, row?.not_before, row?.running],
      [waiting.length, waiting[0]?.tick ?? null, waiting[0]?.notBefore ?? null, model.running.get(name)?.id ?? null],
    )
  }
  for (const state of ['queued', 'processing', 'completed', 'cancelled'])
    assert.equal(
      queue.requests.total(state),
      [...model.states.values()].filter((value) => value === state).length,
      state,
    )
}

test('any mix of accepting, starting, finishing, queueing again and cancelling keeps the order and the counts', () => {
  const check = (steps: Step[]): void => {
    using temp = new TempJournal()
    const [queue, model] = [new TestQueue(temp.open()), new Model()]
    for (const [now, next] of steps.entries()) {
      take(queue, model, next, now)
      compare(queue, model)
    }
  }
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), check), { numRuns: 40 })
})

/** Between the steps: transactions that are undone, in whole or in part, and generations that take over. */
type Fault = 'none' | 'undone' | 'part undone' | 'reopened'

/** Does all a daemon may do to these conversations, and thinks better of it. */
function doInVain(queue: TestQueue, model: Model): void {
  queue.accept('in vain', 'a', 'INJECT')
  for (const [name, waiting] of model.queues) {
    const running = model.running.get(name)
    if (running !== undefined) {
      if (!queue.requeue(running.id, 5)) queue.runEnded(running.id)
    }
    const [head] = waiting
    if (head !== undefined && queue.start(head.id)) queue.finish(head.id, 'failed')
  }
  throw new Error('in vain')
}

test('what is undone leaves nothing behind, the next generation finds heads, counts, runs and ticks as before', () => {
  const check = (steps: { step: Step; fault: Fault }[]): void => {
    using temp = new TempJournal()
    let queue = new TestQueue(temp.open())
    const model = new Model()
    for (const [now, { step: next, fault }] of steps.entries()) {
      const before = contentOfJournal(queue.journal)
      const inVain = (): void => assert.throws(() => queue.journal.tx(() => doInVain(queue, model)), /in vain/)
      if (fault === 'undone') inVain()
      else if (fault === 'part undone') queue.journal.tx(inVain)
      else if (fault === 'reopened') queue = new TestQueue(temp.open())
      if (fault !== 'none') assert.deepEqual(contentOfJournal(queue.journal), before)
      take(queue, model, next, now)
      compare(queue, model)
    }
  }
  const fault = fc.constantFrom<Fault>('none', 'undone', 'part undone', 'reopened')
  const steps = fc.array(fc.record({ step, fault }), { maxLength: 40, size: 'max' })
  fc.assert(fc.property(steps, check), { numRuns: 25 })
})

test('the database itself refuses a second running request of a conversation', () => {
  using temp = new TempJournal()
  const queue = new TestQueue(temp.open())
  queue.accept('first', 'a')
  queue.accept('second', 'a')
  queue.start('first')
  assert.throws(() => queue.start('second'), { code: 'SQLITE_CONSTRAINT_UNIQUE' })
  assert.deepEqual(queue.queue('a'), ['second'])
})

test('a conversation that waits for another try is told by when', () => {
  using temp = new TempJournal()
  const queue = new TestQueue(temp.open())
  assert.equal(queue.conversations.nextTryAt(), undefined)
  for (const [id, notBefore] of [
    ['a', 500],
    ['b', 300],
  ] as const) {
    queue.accept(id, id)
    queue.start(id)
    queue.requeue(id, notBefore)
  }
  assert.equal(queue.conversations.nextTryAt(), 300)
  assert.deepEqual([queue.next(299), queue.next(300), queue.next(500)], [undefined, 'b', 'a'])
})
