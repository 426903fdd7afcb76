import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, atMost, exactly, showRows } from './rows.ts'

test('a time within its target passes, one up to five times over is a miss, one beyond that a failure', () => {
  assert.equal(atMost('m', 60, { target: 60 }).verdict, 'pass')
  assert.equal(atMost('m', -0.4, { target: 20 }).verdict, 'pass')
  assert.equal(atMost('m', 299, { target: 60 }).verdict, 'miss')
  assert.equal(atMost('m', 301, { target: 60 }).verdict, 'fail')
})

test('where the target is a later version’s work, no worse than the first version will do', () => {
  const goal = { target: 35, first: [45, 58], later: true } as const
  assert.equal(atMost('m', 35, goal).verdict, 'pass')
  assert.equal(atMost('m', 87, goal).verdict, 'later')
  assert.equal(atMost('m', 88, goal).verdict, 'miss')
  assert.equal(atMost('m', 87, { ...goal, later: false }).verdict, 'miss')
})

test('a rate passes from its target on', () => {
  assert.equal(atLeast('m', 10_000, { target: 10_000 }).verdict, 'pass')
  assert.equal(atLeast('m', 9_999, { target: 10_000 }).verdict, 'miss')
  assert.equal(atLeast('m', 1_999, { target: 10_000 }).verdict, 'fail')
})

test('a count must be exact', () => {
  assert.equal(exactly('m', 0, { target: 0 }).verdict, 'pass')
  assert.equal(exactly('m', 1, { target: 0 }).verdict, 'fail')
})

test('what was not measured is a failure', () => {
  assert.equal(atMost('m', Number.NaN, { target: 60 }).verdict, 'fail')
  assert.equal(atLeast('m', Number.NaN, { target: 60, later: true }).verdict, 'fail')
})

test('rows line up under their heads, with how many times better ours is, and what is quoted is marked', () => {
  const other = { who: 'nodemon', value: 290 }
  const lines = showRows([
    atMost('save', 29, { target: 58, first: [45, 58], other }),
    atMost('next', 50, { target: 40, other: { who: 'Restate', value: 384, quoted: true } }),
    exactly('refused', 3, { target: 0 }),
  ]).split('\n')
  assert.equal(lines.length, 5)
  assert.equal(new Set(lines.map((line) => line.length)).size, 1)
  assert.match(
    lines[2] ?? '',
    /nodemon 290 ms \| +45–58 ms \| +≤ 58 ms \| +29 ms \| +10\.0× \| +2\.0× \| +2\.0× \| +pass/,
  )
  assert.match(lines[3] ?? '', /Restate 384 ms \(quoted\) \| +– \| .* 7\.7× \| +– \| +0\.8× \| +miss/)
  assert.match(lines[4] ?? '', /– \| +fail/)
})
