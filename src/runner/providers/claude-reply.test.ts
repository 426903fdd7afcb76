import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, retryAfterMs } from './claude-reply.ts'

test('failures that may pass by themselves are retryable', () => {
  const texts = [
    'API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}}',
    'Rate limit reached',
    'API Error: 529 Overloaded',
    'API Error: 500 Internal server error',
    'API Error (503)',
    'API Error: Connection error.',
    'connect ECONNREFUSED 127.0.0.1:443',
    'getaddrinfo EAI_AGAIN api.anthropic.com',
    'TypeError: fetch failed',
    'Request timed out.',
  ]
  for (const text of texts) assert.equal(failure(text).retryable, true, text)
})

test('other failures are final', () => {
  const texts = [
    'Invalid API key · Please run /login',
    'Credit balance is too low',
    'No conversation found with session ID: 5000',
    'error: unknown option --foo',
    'error_max_turns',
    'wrote 512 lines to notes.txt, then gave up',
    'API Error: 400 prompt is too long: 205000 tokens > 200000 maximum',
  ]
  for (const text of texts) assert.equal(failure(text).retryable, false, text)
})

test('the wait that a failure names is kept, in ms', () => {
  assert.equal(retryAfterMs('429, Retry-After: 12'), 12_000)
  assert.equal(retryAfterMs('"retry-after":"3"'), 3_000)
  assert.equal(retryAfterMs('please retry after 2 minutes'), 120_000)
  assert.equal(retryAfterMs('Please try again in 1.5s'), 1_500)
  assert.equal(retryAfterMs('retry in 250ms'), 250)
  assert.equal(retryAfterMs('overloaded'), undefined)
  assert.equal(failure('rate limit; retry-after: 7').retryAfterMs, 7_000)
})
