import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { changedFiles, readCode } from './code.ts'

test('a change of what a runner loads is told from one of the host itself; tests and other folders are neither', () => {
  const src = mkdtempSync(join(tmpdir(), 'ksi-code-'))
  const save = (file: string, text: string): void => {
    mkdirSync(dirname(join(src, file)), { recursive: true })
    writeFileSync(join(src, file), text)
  }
  for (const folder of ['contracts', 'lib']) save(`${folder}/a.ts`, '1')
  for (const file of ['runner/host.ts', 'runner/host/x.ts', 'runner/providers/echo.ts']) save(file, '1')
  const before = readCode(src)
  save('runner/host.ts', '2')
  save('runner/providers/echo.ts', '2')
  save('lib/new.ts', '2')
  save('lib/a.ts', '1')
  for (const other of ['lib/a.test.ts', 'runner/testing/x.ts', 'daemon/main.ts', 'runner/note.txt']) save(other, '2')
  const now = readCode(src)
  assert.deepEqual(changedFiles(before.host, now.host), ['src/runner/host.ts'])
  assert.deepEqual(changedFiles(before.runner, now.runner), ['src/lib/new.ts', 'src/runner/providers/echo.ts'])
  rmSync(src, { recursive: true })
})
