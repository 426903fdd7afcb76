import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import { Reloads } from './reloads.ts'

/** Reloads whose starts end when the test says so. */
function makeReloads() {
  const starts: PromiseWithResolvers<void>[] = []
  const told: string[] = []
  const reloads: Reloads = new Reloads({
    log: silentLog(),
    start: () => {
      const start = Promise.withResolvers<void>()
      starts.push(start)
      return start.promise
    },
    onChange: () => told.push(reloads.failure === null ? 'mended' : `failed ${reloads.failure.files.join(' ')}`),
  })
  return { reloads, starts, told }
}

test('saves during the start of a runner are folded into one more start, and answered when it is done', async () => {
  const { reloads, starts } = makeReloads()
  const answers = ['a', 'b', 'c', 'b'].map((file) => reloads.saved([file], 1))
  assert.equal(starts.length, 1)
  starts[0]?.resolve()
  assert.equal(await answers[0], null)
  assert.equal(starts.length, 2)
  starts[1]?.reject(new Error('broken'))
  const [failure, ...same] = await Promise.all(answers.slice(1))
  assert.deepEqual(failure?.files, ['b', 'c'])
  assert.ok(same.every((one) => one === failure))
  assert.equal(starts.length, 2)
})

test('a runner that does not start is named with its files until one does', async () => {
  const { reloads, starts, told } = makeReloads()
  void reloads.saved(['src/runner/x.ts'], 5)
  starts[0]?.reject(new Error('broken'))
  await nextTurn()
  assert.deepEqual(
    [reloads.failure?.files, reloads.failure?.at, reloads.failure?.error.message],
    [['src/runner/x.ts'], 5, 'broken'],
  )
  void reloads.saved(['src/runner/x.ts'], 6)
  assert.notEqual(reloads.failure, null, 'it is not mended before it runs')
  starts[1]?.resolve()
  await nextTurn()
  assert.deepEqual([reloads.failure, told], [null, ['failed src/runner/x.ts', 'mended']])
})

test('after the stop nothing is started and nothing is told', async () => {
  const { reloads, starts, told } = makeReloads()
  void reloads.saved(['a'], 1)
  void reloads.saved(['b'], 1)
  reloads.stop()
  starts[0]?.reject(new Error('killed'))
  await nextTurn()
  void reloads.saved(['c'], 1)
  assert.deepEqual([starts.length, told], [1, []])
})
