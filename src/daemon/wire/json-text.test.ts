import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../testing/ask.ts'
import { TestRoot } from '../testing/test-core.ts'

test('an object or a list may come as its JSON text, and is held to the same rules', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const data = {
    request_id: 'r',
    messages: '[{"role": "user", "content": "hello"}]',
    extra_body: '{"echo": {"latency_ms": 5}}',
  }
  assert.equal((await ask(core, 'completion:async', data, { eventId: 'a' })).status, 'queued')
  const kept = core.requests.payload('r')
  assert.deepEqual(kept?.messages, [{ role: 'user', content: 'hello' }])
  assert.deepEqual(kept?.extra_body, { echo: { latency_ms: 5 } })
  const wrong = { prompt: 'x', extra_body: '{"echo": {"latency_ms": -1}}' }
  const told = await ask(core, 'completion:async', wrong, { eventId: 'b' })
  assert.match(String(told.error), /^Invalid parameter extra_body\.echo\.latency_ms/)
  for (const text of ['{"echo"', 'echo', '['.repeat(100_000)]) {
    const refused = await ask(core, 'completion:async', { prompt: 'x', extra_body: text }, { eventId: 'c' })
    assert.match(String(refused.error), /^Invalid parameter extra_body/)
  }
  const text = '{"a": 1}'
  await ask(core, 'completion:async', { prompt: text, request_id: 't' }, { eventId: 'd' })
  assert.equal(core.requests.payload('t')?.prompt, text, 'what may be text stays text')
})

test('an action that is none is told with those there are', async () => {
  using root = new TestRoot()
  const core = root.core()
  const told = await ask(core, 'dev:checkpoint', { action: 'explode' })
  assert.match(String(told.error), /^Unknown action: explode\. Valid actions: create, status, list, /)
})
