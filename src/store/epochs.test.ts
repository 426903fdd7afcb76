import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { highestEpoch, noteEpoch } from './epochs.ts'

test('the highest epoch is kept in more than one place, and found in any of them', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-epochs-'))
  const files = [join(dir, 'db/journal.db-epoch'), join(dir, 'run/epoch')]
  assert.equal(highestEpoch(files), 0)
  noteEpoch(files, 9_999)
  noteEpoch(files, 10_000)
  assert.equal(highestEpoch(files), 10_000)
  rmSync(join(dir, 'db'), { recursive: true })
  assert.equal(highestEpoch(files), 10_000)
  noteEpoch(files, 10_001)
  writeFileSync(files[1] ?? '', 'garbled')
  assert.equal(highestEpoch(files), 10_001)
  rmSync(dir, { recursive: true })
})
