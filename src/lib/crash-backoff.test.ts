import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countCrash, endRow, noCrashes } from './crash-backoff.ts'
import type { Crash } from './crash-backoff.ts'

/** Counts one crash after the other. */
function counter(): { next(crash: Crash, now?: number): number; reset(): void } {
  let backoff = noCrashes
  return {
    next: (crash, now = 0) => {
      const counted = countCrash(backoff, crash, now)
      backoff = counted.backoff
      return counted.waitMs
    },
    reset: () => (backoff = endRow(backoff)),
  }
}

test('a row of crashes waits longer and longer; one that served a while ends the row', () => {
  const backoff = counter()
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
  const backoff = counter()
  const killed = { killed: true, livedMs: 10 }
  const waits = Array.from({ length: 34 }, (_, i) => backoff.next(killed, i * 100))
  assert.ok(waits.slice(0, 30).every((wait) => wait === 0))
  assert.deepEqual(waits.slice(30), [0, 250, 1_000, 5_000])
  assert.equal(backoff.next(killed, 60_000), 0, 'they are forgotten after a while')
})
