import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ensureSecret, readSecret, replaceSecret, SecretFile } from './secret-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'ksi-secret-'))
after(() => rmSync(dir, { recursive: true, force: true }))

test('a secret is made once, for its owner alone, and kept', () => {
  const path = join(dir, 'sub/made')
  assert.equal(readSecret(path), undefined)
  const secret = ensureSecret(path)
  assert.match(secret, /^[\w-]{43}$/)
  assert.equal(ensureSecret(path), secret)
  assert.deepEqual([statSync(path).mode & 0o777, statSync(join(dir, 'sub')).mode & 0o777], [0o600, 0o700])
  assert.deepEqual(readdirSync(join(dir, 'sub')), ['made'])
})

test('a file that holds none is replaced', () => {
  const path = join(dir, 'empty')
  writeFileSync(path, '\n')
  assert.equal(readSecret(path), undefined)
  assert.equal(ensureSecret(path), readFileSync(path, 'utf8').trim())
})

test('whoever uses a secret sees at once that it was replaced', () => {
  const path = join(dir, 'used')
  const file = new SecretFile(path)
  assert.equal(file.value, undefined)
  const first = ensureSecret(path)
  assert.equal(file.value, first)
  const second = replaceSecret(path)
  assert.notEqual(second, first)
  assert.equal(file.value, second)
  rmSync(path)
  assert.equal(file.value, undefined)
})
