import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

test('a program that has installed a checkout of ksi imports the client and its errors by name', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-user-'))
  try {
    mkdirSync(join(dir, 'node_modules'))
    // What `npm install ../ksi` does.
    symlinkSync(resolve(import.meta.dirname, '../..'), join(dir, 'node_modules/ksi'))
    writeFileSync(
      join(dir, 'program.mjs'),
      `import { connect } from 'ksi/client'
       import { KsiError } from 'ksi/errors'
       const error = await connect({ address: 'unix:${dir}/none.sock', connectTimeoutMs: 0 }).catch((error) => error)
       console.log(error instanceof KsiError, error.code)`,
    )
    assert.equal(
      execFileSync(process.execPath, ['program.mjs'], { cwd: dir, encoding: 'utf8' }).trim(),
      'true KSI_UNREACHABLE',
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})
