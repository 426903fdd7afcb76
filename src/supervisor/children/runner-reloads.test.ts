import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import { RunnerReloads } from './runner-reloads.ts'

/** Reloads whose starts end when the test says so. */
function makeReloads() {
  const starts: PromiseWithResolvers<void>[] = []
  const told: string[] = []
  const reloads = new RunnerReloads({
    log: silentLog(),
    start: () => {
      const start = Promise.withResolvers<void>()
      starts.push(start)
      return start.promise
    },
    onFailure: ({ files }) => told.push(`failed ${files.join(' ')}`),
    onMended: ({ files }) => told.push(`mended ${files.join(' ')}`),
  })
  return { reloads, starts, told }
}

test('saves during the start of a runner are folded into one more start after it', async () => {
  const { reloads, starts } = makeReloads()
  for (const file of ['a', 'b', 'c', 'b']) reloads.saved([file], 1)
  assert.equal(starts.length, 1)
  starts[0]?.resolve()
  await nextTurn()
  assert.equal(starts.length, 2)
  starts[1]?.resolve()
  await nextTurn()
  assert.equal(starts.length, 2)
})

test('a runner that does not start is named with its files until one does', async () => {
  const { reloads, starts, told } = makeReloads()
  reloads.saved(['src/runner/x.ts'], 5)
  starts[0]?.reject(new Error('broken'))
  await nextTurn()
  assert.deepEqual(
    [reloads.failure?.files, reloads.failure?.at, reloads.failure?.error.message],
    [['src/runner/x.ts'], 5, 'broken'],
  )
  assert.match(String(reloads.problem), /src\/runner\/x\.ts.*broken/)
  reloads.saved(['src/runner/x.ts'], 6)
  assert.notEqual(reloads.failure, null, 'it is not mended before it runs')
  starts[1]?.resolve()
  await nextTurn()
  assert.deepEqual(
    [reloads.failure, reloads.problem, told],
    [null, null, ['failed src/runner/x.ts', 'mended src/runner/x.ts']],
  )
})

test('after the stop nothing is started and nothing is told', async () => {
  const { reloads, starts, told } = makeReloads()
  reloads.saved(['a'], 1)
  reloads.saved(['b'], 1)
  reloads.stop()
  starts[0]?.reject(new Error('killed'))
  await nextTurn()
  reloads.saved(['c'], 1)
  assert.deepEqual([starts.length, told], [1, []])
})
