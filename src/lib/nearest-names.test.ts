import assert from 'node:assert/strict'
import { test } from 'node:test'
import { similarNames } from './nearest-names.ts'

const names = [
  'completion:async',
  'completion:status',
  'completion:session_status',
  'completion:cancel',
  'completion:wait',
  'system:health',
  'system:help',
  'dev:checkpoint',
  'dev:restore',
]
const commands = ['dev', 'start', 'stop', 'restart', 'reload', 'status', 'health', 'send', 'checkpoint', 'watch']

test('a slip of the hand finds what was meant, first', () => {
  for (const [typed, meant] of [
    ['completion:asynch', 'completion:async'],
    ['completion:asnyc', 'completion:async'],
    ['completion_status', 'completion:status'],
    ['sytem:health', 'system:health'],
    ['dev:checkpoints', 'dev:checkpoint'],
  ] as const)
    assert.equal(similarNames(typed, names)[0], meant, typed)
  for (const [typed, meant] of [
    ['stauts', 'status'],
    ['sned', 'send'],
    ['strat', 'start'],
    ['check', 'checkpoint'],
    ['stat', 'status'],
  ] as const)
    assert.equal(similarNames(typed, commands)[0], meant, typed)
})

test('at most three are named, and none that is far off', () => {
  assert.ok(similarNames('completion:', names).length <= 3)
  assert.deepEqual(similarNames('zzz', names), [])
  assert.deepEqual(similarNames('', names), [])
  assert.deepEqual(similarNames('aaaa', ['aa', 'aaaa']), ['aaaa'])
})

test('takes no longer for a name of a megabyte', () => {
  const begun = performance.now()
  similarNames('ab'.repeat(500_000), ['completion:async', 'ab'.repeat(100)])
  assert.ok(performance.now() - begun < 200)
})
