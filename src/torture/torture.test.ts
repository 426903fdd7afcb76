import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shrink, torture } from './play.ts'

const seeds = 1_000

test(`${seeds} worlds of the queue core: one outcome each, in order, whatever dies, fails or jumps`, async (t) => {
  const begun = performance.now()
  const { failures, db } = await torture(1, (played, failed) => played === seeds || failed > 0)
  t.diagnostic(`${Math.round(performance.now() - begun)} ms`)
  const [first] = failures
  if (first === undefined) return
  const steps = await shrink(db, first.steps)
  assert.fail(`seed ${first.seed}: ${first.faults.join('; ')}\n${JSON.stringify(steps)}`)
})
