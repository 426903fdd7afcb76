import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, atMost, exactly, showRows } from './rows.ts'

test('a time within its target passes, one up to five times over is a miss, one beyond that a failure', () => {
  assert.equal(atMost('m', 60, 60, '–').verdict, 'pass')
  assert.equal(atMost('m', 299, 60, '–').verdict, 'miss')
  assert.equal(atMost('m', 301, 60, '–').verdict, 'fail')
})

test('a rate passes from its target on', () => {
  assert.equal(atLeast('m', 10_000, 10_000, '–').verdict, 'pass')
  assert.equal(atLeast('m', 9_999, 10_000, '–').verdict, 'miss')
  assert.equal(atLeast('m', 1_999, 10_000, '–').verdict, 'fail')
})

test('a count must be exact', () => {
  assert.equal(exactly('m', 0, 0, '–').verdict, 'pass')
  assert.equal(exactly('m', 1, 0, '–').verdict, 'fail')
})

test('what was not measured is a failure', () => {
  assert.equal(atMost('m', Number.NaN, 60, '–').verdict, 'fail')
})

test('rows line up under their heads, one line each', () => {
  const lines = showRows([atMost('save', 30, 60, '212 ms'), exactly('refused', 3, 0, 'many')]).split('\n')
  assert.equal(lines.length, 4)
  assert.equal(new Set(lines.map((line) => line.length)).size, 1)
  assert.match(lines[2] ?? '', /2\.0× \| +pass/)
  assert.match(lines[3] ?? '', /– \| +fail/)
})
