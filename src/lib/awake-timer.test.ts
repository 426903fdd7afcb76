import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAwakeTimer } from './awake-timer.ts'

/** Nothing of this process runs meanwhile, as on a machine that sleeps. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test('a deadline comes when its time is over', async () => {
  const begun = performance.now()
  await new Promise((resolve) => startAwakeTimer(300, resolve))
  assert.ok(performance.now() - begun >= 299)
})

test('time in which nothing ran does not count, and is told', async () => {
  const begun = performance.now()
  const due = new Promise<number>((resolve) => startAwakeTimer(600, resolve))
  standStill(1_500)
  const stoodStill = await due
  assert.ok(performance.now() - begun >= 1_500 + 300, 'what was left of it is waited for')
  assert.ok(stoodStill >= 1_000, `${stoodStill} ms`)
})

test('a stopped one never comes', async () => {
  const timer = startAwakeTimer(20, () => assert.fail('it was stopped'))
  timer.stop()
  await new Promise((resolve) => setTimeout(resolve, 60))
})
