import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CrashBackoff } from './crash-backoff.ts'

test('a row of crashes waits longer and longer; one that served a while ends the row', () => {
  const backoff = new CrashBackoff()
  const young = { killed: false, livedMs: 10 }
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => backoff.next(young)),
    [0, 250, 1_000, 5_000, 5_000],
  )
  assert.equal(backoff.next({ killed: false, livedMs: 2_000 }), 0)
  assert.equal(backoff.next(young), 250)
  backoff.reset()
  assert.equal(backoff.next(young), 0)
})

test('kills from outside are answered at once, until there are so many that something is wrong', () => {
  const backoff = new CrashBackoff()
  const killed = { killed: true, livedMs: 10 }
  const waits = Array.from({ length: 34 }, (_, i) => backoff.next(killed, i * 100))
  assert.ok(waits.slice(0, 31).every((wait) => wait === 0))
  assert.deepEqual(waits.slice(31), [250, 1_000, 5_000])
  assert.equal(backoff.next(killed, 60_000), 0, 'they are forgotten after a while')
})
