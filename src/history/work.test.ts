import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEvent } from './event.ts'
import { addCounts, countWork } from './work.ts'

const sent = new Map([
  ['one', ['a', 'b']],
  ['two', ['c']],
])
const once = new Map(['a', 'b', 'c'].map((id) => [id, 1]))
const told = (...ids: string[]): HistoryEvent[] =>
  ids.map((request_id, i) => ({ event: 'completion:result', seq: i + 1, data: { request_id } }))
const good = { sent: 3, done: 3, lost: 0, twice: 0, doubled: 0, disordered: 0 }

test('work that was done once, in order, and told of once is all done', () => {
  assert.deepEqual(countWork(told('a', 'c', 'b'), sent, once), good)
})

test('what was dropped, failed, run twice, told twice or told out of order is counted', () => {
  assert.deepEqual(countWork(told('a', 'c'), sent, once), { ...good, done: 2, lost: 1 })
  const failed = [...told('a', 'c'), { event: 'completion:failed', seq: 3, data: { request_id: 'b' } }]
  assert.deepEqual(countWork(failed, sent, once), { ...good, done: 2, lost: 1 })
  assert.deepEqual(countWork(told('a', 'b', 'c'), sent, new Map([['b', 2]])), { ...good, twice: 1 })
  assert.deepEqual(countWork(told('a', 'b', 'b', 'c'), sent, once), { ...good, doubled: 1 })
  assert.deepEqual(countWork(told('b', 'a', 'c'), sent, once), { ...good, disordered: 1 })
})

test('counts of several are added up', () => {
  const sum = addCounts([good, { ...good, done: 2, lost: 1, doubled: 4 }])
  assert.deepEqual(sum, { sent: 6, done: 5, lost: 1, twice: 0, doubled: 4, disordered: 0 })
})
