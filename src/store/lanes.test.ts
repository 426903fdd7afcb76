import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

const claude = { model: 'claude-cli/sonnet' }

function open(temp: TempJournal, lanes: string[]): TestQueue {
  const queue = new TestQueue(temp.open())
  queue.journal.tx(() => queue.journal.lanes.set(lanes))
  return queue
}

const only =
  (room: Record<string, number>) =>
  (lane: string | null): number =>
    lane === null ? 9 : (room[lane] ?? 0)

test('who waits for room in a lane is in nobody’s way, and the order of acceptance is that of the whole', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli'])
  for (const name of ['c1', 'c2', 'c3']) queue.accept(name, name, 'ASYNC', claude)
  queue.accept('e1', 'e1')
  queue.accept('c4', 'c4', 'ASYNC', { model: 'claude-cli' })
  queue.accept('e2', 'e2', 'ASYNC', { model: 'claude-cliff/x' })
  assert.deepEqual(queue.conversations.runnable(9, only({})), ['e1', 'e2'], 'a lane without room')
  assert.deepEqual(queue.conversations.runnable(9, only({ 'claude-cli': 2 })), ['c1', 'c2', 'e1', 'e2'])
  assert.deepEqual(queue.conversations.runnable(3), ['c1', 'c2', 'c3'])
  assert.deepEqual(queue.journal.lanes.ready(), ['claude-cli'])
})

test('a conversation stands in the lane of its next request, whoever that is: its model’s, else its provider’s', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli', 'claude-cli/opus'])
  const laneOf = (): string | null | undefined => queue.conversations.get('a')?.lane
  queue.accept('first', 'a', 'ASYNC', claude)
  queue.accept('second', 'a')
  assert.equal(laneOf(), 'claude-cli')
  queue.start('first')
  assert.deepEqual([laneOf(), [...queue.journal.lanes.running()]], [null, [['claude-cli/sonnet', 1]]])
  queue.finish('first', 'completed')
  assert.equal(queue.journal.lanes.running().size, 0)
  queue.accept('ahead', 'a', 'INJECT', { model: 'claude-cli/opus' })
  assert.equal(laneOf(), 'claude-cli/opus')
  queue.finish('ahead', 'cancelled')
  assert.equal(laneOf(), null)
})

test('with other lanes than before nobody is moved, and everybody is found where they stand', () => {
  using temp = new TempJournal()
  open(temp, ['claude-cli']).accept('c', 'c', 'ASYNC', claude)
  const both = open(temp, ['echo'])
  both.accept('d', 'd', 'ASYNC', claude)
  both.accept('e', 'e')
  assert.deepEqual(both.journal.lanes.ready(), ['claude-cli', 'echo'])
  assert.deepEqual(both.conversations.runnable(9), ['c', 'd', 'e'])
})

test('who is parked is found by nobody until they are taken out, and those of a lane some at a time', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['echo'])
  const { lanes, holds } = queue.journal
  const hold = { scope: 'agent', name: 'ann', cause: 'manual', reason: '', until: null, times: 1 } as const
  queue.journal.tx(() => holds.put(hold, 1))
  for (let i = 0; i < 300; i++) queue.accept(`r${i}`, `c${i}`)
  queue.journal.tx(() => {
    for (let i = 0; i < 300; i++) lanes.move(`c${i}`, '~ann')
  })
  assert.deepEqual([lanes.ready(), queue.conversations.runnable(9), lanes.parked(999).length], [[], [], 300])
  assert.equal(
    queue.journal.tx(() => lanes.takeSomeOut('~ann')),
    false,
  )
  assert.deepEqual([lanes.parked(999).length, queue.conversations.runnable(1)], [44, ['c0']])
  assert.equal(
    queue.journal.tx(() => lanes.takeSomeOut('~ann')),
    true,
  )
  assert.equal(queue.conversations.runnable(999).length, 300)
})

test('looking for work walks along an index, in a lane, beside it, and from lane to lane', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli'])
  const planOf = (sql: string): string[] =>
    databaseOf(queue.journal)
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => (row as { detail: string }).detail)
  const conditions = 'head_tick IS NOT NULL AND busy = 0 AND not_before IS NULL'
  for (const lane of ['NULL', "'claude-cli'"]) {
    const plan = planOf(
      `SELECT conversation, head_tick FROM conversations INDEXED BY conversations_ready
       WHERE lane IS ${lane} AND ${conditions} ORDER BY head_tick LIMIT 9`,
    )
    assert.deepEqual([plan.length, plan.some((step) => step.includes('lane=?'))], [1, true], plan.join('; '))
  }
  const seen = mockedSql(queue, () => queue.journal.lanes.ready())
  const plan = planOf(seen)
  const looks = plan.filter((step) => step.includes('conversations'))
  assert.deepEqual(
    [looks.length, looks.every((step) => /conversations_ready \(lane>/.test(step))],
    [2, true],
    plan.join('; '),
  )
})

/** The text of the statement that is prepared by a call. */
function mockedSql(queue: TestQueue, call: () => unknown): string {
  const db = databaseOf(queue.journal)
  const prepare = mock.method(db, 'prepare')
  call()
  const text = String(prepare.mock.calls.at(-1)?.arguments[0])
  prepare.mock.restore()
  return text
}
