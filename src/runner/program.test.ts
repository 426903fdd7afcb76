import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runProgram } from './program.ts'

test("a program's files are as its user wants files to be, not as private as ksi's own", async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-program-'))
  const before = process.umask(0o077)
  try {
    await runProgram({
      command: process.execPath,
      args: ['-e', "require('fs').writeFileSync('made', '')"],
      cwd: dir,
      env: {},
      umask: 0o027,
      stdin: '',
      signal: new AbortController().signal,
      children: { add: () => () => {} },
      onStdout: () => true,
      maxStderrBytes: 1_000,
    })
    assert.equal((statSync(join(dir, 'made')).mode & 0o777).toString(8), '640')
    assert.equal(process.umask(), 0o077)
  } finally {
    process.umask(before)
    rmSync(dir, { recursive: true, force: true })
  }
})
