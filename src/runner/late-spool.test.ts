import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { SpoolEntry } from '../contracts/runner.ts'
import { silentLog } from '../lib/log.ts'
import { readSpool } from '../store/spool.ts'
import { LateSpool } from './late-spool.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-late-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const entry = (run_id: string): SpoolEntry => ({
  run_id,
  request_id: 'r',
  runner_id: '1',
  outcome: { status: 'aborted', provider: 'echo', started_at: 1, duration_ms: 1 },
})
const written = (): string[] => readSpool(dir).map(({ run_id }) => run_id)

test('while nobody hears it an outcome is written at once; else only when it is not committed in time', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const spool = new LateSpool(dir, silentLog())
  spool.keep(entry('alone'))
  assert.deepEqual(written(), ['alone'])
  spool.heard(true)
  spool.keep(entry('quick'))
  spool.keep(entry('slow'))
  spool.drop('quick')
  spool.drop('alone')
  assert.deepEqual(written(), [])
  now = 200
  t.mock.timers.tick(200)
  assert.deepEqual(written(), ['slow'])
  spool.drop('slow')
  assert.deepEqual(written(), [])
})

test('when the generation is gone everything it has not committed is written', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const spool = new LateSpool(dir, silentLog())
  spool.heard(true)
  for (const id of ['a', 'b']) spool.keep(entry(id))
  spool.heard(false)
  assert.deepEqual(written(), ['a', 'b'])
})
