import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKeyName, redactorOf, withoutKeys } from './keys.ts'

test('names of keys are told from names of other things', () => {
  const keys = ['OPENAI_API_KEY', 'KSI_OPENAI_COMPATIBLE_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']
  for (const name of [...keys, 'api_key', 'KEY', 'CLIENT_SECRET', 'PGPASSWORD_SECRET', 'ANTHROPIC_CUSTOM_HEADERS'])
    assert.equal(isKeyName(name), true, name)
  for (const name of ['OPENAI_BASE_URL', 'KSI_DEFAULT_MODEL', 'MAX_TOKENS', 'KEYBOARD', 'PATH'])
    assert.equal(isKeyName(name), false, name)
})

test('an environment for others has no keys, except what they ask clients for', () => {
  assert.deepEqual(withoutKeys({ PATH: '/bin', OPENAI_API_KEY: 'sk-1', KSI_TOKEN: 't', GITHUB_TOKEN: 'g' }), {
    PATH: '/bin',
    KSI_TOKEN: 't',
  })
})

test('keys are taken out of texts and of JSON at any depth, with quotes in them, or within an address', () => {
  const redact = redactorOf({
    OPENAI_API_KEY: 'sk-planted-1',
    OTHER_KEY: 'sk-planted-1-longer',
    ODD_SECRET: 'with"quote"and\\more',
    SHORT_KEY: 'k',
    HTTPS_PROXY: 'http://me:p%40ssw0rd-x@proxy:3128',
  })
  assert.equal(redact.text('bad key sk-planted-1-longer!'), 'bad key [redacted]!')
  assert.deepEqual(redact.json({ a: [{ b: 'x with"quote"and\\more' }], c: 'p@ssw0rd-x', k: 'k' }), {
    a: [{ b: 'x [redacted]' }],
    c: '[redacted]',
    k: 'k',
  })
  const untouched = { a: 'nothing here' }
  assert.equal(redact.json(untouched), untouched)
  assert.equal(redact.text(JSON.stringify({ said: 'with"quote"and\\more' })), '{"said":"[redacted]"}')
})
