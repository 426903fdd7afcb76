import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamHistory } from './stream-history.ts'

const delta = (attempt: number, offset: number): { event: string; data: Record<string, unknown> } => ({
  event: 'completion:delta',
  data: { request_id: 'r', attempt, offset, kind: 'text', text: `${offset} ` },
})
const end = { event: 'completion:stream_end', data: { request_id: 'r' } }

function faultsOf(...events: { event: string; data: Record<string, unknown> }[]): number {
  const history = new StreamHistory()
  for (const event of events) history.take(event)
  return history.faults.length
}

test('a whole stream has no fault, also one with a second attempt', () => {
  const history = new StreamHistory()
  for (const event of [delta(1, 0), delta(1, 1), delta(2, 0), delta(2, 1), end]) history.take(event)
  assert.deepEqual(history.faults, [])
  const { text, ended, attempt } = history.of('r') ?? {}
  assert.deepEqual([text, ended, attempt], ['0 1 ', true, 2])
})

test('a gap, a repeat, a step back and a chunk after the end are each found', () => {
  assert.equal(faultsOf(delta(1, 0), delta(1, 2)), 1)
  assert.equal(faultsOf(delta(1, 0), delta(1, 0)), 1)
  assert.equal(faultsOf(delta(1, 0), delta(2, 0), delta(1, 1)), 1)
  assert.equal(faultsOf(delta(2, 1)), 1)
  assert.equal(faultsOf(delta(1, 0), end, delta(1, 1)), 1)
  assert.equal(faultsOf(end, end), 1)
})
