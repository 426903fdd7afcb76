import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeOldLogs } from './remove-old.ts'

const hour = 3_600_000

test('logs of former runners go when they are old, or too large together; none that is needed', async (t) => {
  const logs = mkdtempSync(join(tmpdir(), 'ksi-logs-'))
  t.after(() => rmSync(logs, { recursive: true, force: true }))
  const leave = (name: string, agoMs: number): void => {
    mkdirSync(join(logs, encodeURIComponent(name)))
    const file = join(logs, encodeURIComponent(name), '000001.log')
    writeFileSync(file, 'x'.repeat(1_000))
    const at = (Date.now() - agoMs) / 1_000
    utimesSync(file, at, at)
  }
  leave('lives', 50 * hour)
  leave('owes/something', 50 * hour)
  leave('old', 30 * hour)
  leave('young', 2 * hour)
  leave('younger', hour)
  const isNeeded = (id: string): boolean => id === 'lives' || id === 'owes/something'
  assert.equal(await removeOldLogs(logs, isNeeded, { ageMs: 24 * hour, bytes: 1e9 }), 1)
  assert.deepEqual(readdirSync(logs).sort(), ['lives', 'owes%2Fsomething', 'young', 'younger'])
  assert.equal(await removeOldLogs(logs, isNeeded, { ageMs: 24 * hour, bytes: 1_500 }), 1)
  assert.deepEqual(readdirSync(logs).sort(), ['lives', 'owes%2Fsomething', 'younger'])
  assert.equal(await removeOldLogs(join(logs, 'no such'), isNeeded, { ageMs: 0, bytes: 0 }), 0)
})
