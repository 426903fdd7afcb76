import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '../../lib/log.ts'
import { Drained } from './drained.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-drained-'))
})
afterEach(() => rmSync(root, { recursive: true }))

test('runners that ended in peace are known to the next host, whatever tore the last line', () => {
  const file = join(root, 'runner/drained')
  const first = new Drained(file, silentLog())
  assert.deepEqual(first.ids, [])
  const [one, two] = [randomUUID(), randomUUID()]
  first.add(one)
  appendFileSync(file, two.slice(0, 20))
  const second = new Drained(file, silentLog())
  second.add(two)
  assert.deepEqual(second.ids, [one, two])
  assert.deepEqual(new Drained(file, silentLog()).ids, [one, two])
})

test('the last 100 are remembered, and the file does not grow', () => {
  const file = join(root, 'drained')
  const ids = Array.from({ length: 250 }, () => randomUUID())
  const first = new Drained(file, silentLog())
  for (const id of ids) first.add(id)
  assert.deepEqual(first.ids, ids.slice(-100))
  assert.deepEqual(new Drained(file, silentLog()).ids, ids.slice(-100))
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 101)
})

test('a file that cannot be read or written is logged, and takes nothing down', () => {
  const file = join(root, 'drained')
  mkdirSync(file)
  let told = 0
  const drained = new Drained(file, { ...silentLog(), error: () => (told += 1) })
  const id = randomUUID()
  drained.add(id)
  assert.deepEqual([drained.ids, told], [[id], 2])
})
