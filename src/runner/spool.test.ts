import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { SpoolEntry } from '../contracts/runner.ts'
import { readSpool, removeSpool, writeSpool } from '../store/spool.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-spool-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function makeEntry(runId: string): SpoolEntry {
  return {
    run_id: runId,
    request_id: 'r',
    runner_id: '1',
    outcome: { status: 'completed', provider: 'echo', response: { result: 'ü\u2028' }, started_at: 1, duration_ms: 2 },
  }
}

test('an outcome is read back as it was written, until it is removed', () => {
  const dir = join(root, 'made/on/demand')
  writeSpool(dir, makeEntry('a'))
  writeSpool(dir, makeEntry('b'))
  assert.deepEqual(readSpool(dir), [makeEntry('a'), makeEntry('b')])
  removeSpool(dir, 'a')
  removeSpool(dir, 'a')
  assert.deepEqual(readSpool(dir), [makeEntry('b')])
})

test('a run id cannot lead out of the folder', () => {
  const dir = join(root, 'spool')
  writeSpool(dir, makeEntry('../escape'))
  assert.deepEqual(readdirSync(root), ['spool'])
  assert.deepEqual(readSpool(dir), [makeEntry('../escape')])
  removeSpool(dir, '../escape')
  assert.deepEqual(readdirSync(dir), [])
})

test('damaged files are set aside and told of, the others are read', () => {
  writeSpool(root, makeEntry('good'))
  writeFileSync(join(root, 'cut.json'), '{"run_id":"cut"')
  writeFileSync(join(root, 'other.json'), '{"run_id":"other"}')
  writeFileSync(join(root, 'draft.json.tmp'), '')
  const damaged: string[] = []
  assert.deepEqual(
    readSpool(root, (file) => damaged.push(file)),
    [makeEntry('good')],
  )
  assert.equal(damaged.length, 2)
  assert.match(damaged[0] ?? '', /cut\.json\.corrupt-\d+$/)
  assert.deepEqual(readSpool(root), [makeEntry('good')])
  assert.equal(readdirSync(root).filter((name) => name.includes('.corrupt-')).length, 2)
})

test('a missing folder is an empty spool', () => {
  assert.deepEqual(readSpool(join(root, 'none')), [])
})

test('a write that fails throws and leaves no half file', () => {
  mkdirSync(join(root, 'a.json/occupied'), { recursive: true })
  assert.throws(() => writeSpool(root, makeEntry('a')))
  assert.deepEqual(readdirSync(root), ['a.json'])
})
