import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { withSecretFiles } from './secret-env.ts'

test('a secret may come from a file, whose path is one from the root; what is not clear is refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-secret-'))
  try {
    writeFileSync(join(dir, 'key'), 'the key\n')
    writeFileSync(join(dir, 'empty'), '\n')
    const of = (env: NodeJS.ProcessEnv): string | undefined =>
      withSecretFiles({ KSI_ROOT: dir, ...env }, ['KEY'])['KEY']
    assert.equal(of({ KEY_FILE: join(dir, 'key') }), 'the key')
    assert.equal(of({ KEY_FILE: 'key' }), 'the key')
    assert.equal(of({ KEY_FILE: 'key', KEY: 'the key' }), 'the key')
    assert.equal(of({ KEY_FILE: '', KEY: 'k' }), 'k')
    const refused = (env: NodeJS.ProcessEnv, message: RegExp): void =>
      assert.throws(() => of(env), { code: 'KSI_CONFIG_INVALID', message })
    refused({ KEY_FILE: 'none' }, /KEY_FILE cannot be read: ENOENT/)
    refused({ KEY_FILE: 'empty' }, /is empty/)
    refused({ KEY_FILE: 'key', KEY: 'another' }, /say different things/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
