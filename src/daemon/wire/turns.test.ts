import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

const drain = (turns: Turns<string>): string[] => {
  const taken: string[] = []
  for (let next = turns.next(); next !== undefined; next = turns.next()) taken.push(next)
  return taken
}

test('takes one of each connection in turn, each connection in its own order', () => {
  const turns = new Turns<string>()
  for (const item of ['a1', 'a2', 'a3']) turns.add(1, item)
  for (const item of ['b1', 'b2']) turns.add(2, item)
  turns.add(3, 'c1')
  assert.deepEqual(drain(turns), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  assert.equal(turns.isEmpty, true)
})

test('takes nothing of a paused connection until it goes on', () => {
  const turns = new Turns<string>()
  turns.pause(1, true)
  turns.add(1, 'a1')
  turns.add(2, 'b1')
  assert.deepEqual(drain(turns), ['b1'])
  turns.pause(1, false)
  turns.add(1, 'a2')
  assert.deepEqual(drain(turns), ['a1', 'a2'])
})

test('keeps the order over thousands', () => {
  const turns = new Turns<string>()
  const all = Array.from({ length: 5_000 }, (_, i) => `${i}`)
  for (const item of all) turns.add(1, item)
  assert.deepEqual(drain(turns), all)
})
