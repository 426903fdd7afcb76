import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Troubles } from './troubles.ts'

test('what fails once is no trouble; what fails again is, with its line, until it goes well', () => {
  const troubles = new Troubles()
  let changes = 0
  troubles.onChange = () => changes++
  const fail = (): void => troubles.failed('settling', new Error('a bug was saved'), '/var/x.jsonl')
  fail()
  assert.deepEqual([troubles.list(), changes], [[], 0])
  fail()
  fail()
  const [first] = troubles.list()
  const { what, message, times, grave, path } = first ?? {}
  assert.deepEqual([what, message, times, grave, path], ['settling', 'a bug was saved', 3, true, '/var/x.jsonl'])
  assert.match(first?.file ?? '', /^src\/daemon\/troubles\.test\.ts:\d+$/)
  troubles.well('settling')
  troubles.well('settling')
  assert.deepEqual([troubles.list(), changes], [[], 2])
  fail()
  assert.deepEqual(troubles.list(), [], 'only in a row')
})

test('what is known to be so is trouble at once, the grave first, and bounded', () => {
  const troubles = new Troubles()
  troubles.say('the disk', 'is slow', { grave: false })
  for (let i = 0; i < 9; i++) troubles.say(`thing ${i}`, 'x'.repeat(5_000))
  const list = troubles.list()
  assert.equal(list.length, 5)
  assert.ok(JSON.stringify(list).length < 3_000, 'a health answer has 4 KB')
  assert.ok(list.every(({ grave }) => grave))
})
