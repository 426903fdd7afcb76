import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countRequests } from '../../store/testing/temp-journal.ts'
import { ask } from '../testing/ask.ts'
import { TestRoot, addEvent } from '../testing/test-core.ts'

type Reply = Record<string, unknown>

test('event:emit sends another event and replies what that replies, once however often it is sent', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const emit = { event: 'completion:async', data: { prompt: 'hello', request_id: 'r' } }
  const reply = await ask(core, 'event:emit', emit, { eventId: 'e' })
  assert.deepEqual([reply.request_id, reply.status], ['r', 'queued'])
  assert.equal(countRequests(core.journal), 1)
  const wrong = await ask(core, 'event:emit', { event: 'completion:async', data: { promt: 'x' } })
  assert.match(String(wrong.error), /^Unknown parameter: promt/)
  assert.match(String((await ask(core, 'event:emit', { event: 'no:such' })).error), /^Unknown event: no:such/)
})

test('it sends later where that is asked for', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const begun = performance.now()
  const emit = { event: 'completion:async', data: { prompt: 'hello' }, delay: 0.05 }
  const sent = ask(core, 'event:emit', emit, { eventId: 'e' })
  assert.equal(countRequests(core.journal), 0)
  assert.equal((await sent).status, 'queued')
  assert.ok(performance.now() - begun > 45)
  assert.equal(countRequests(core.journal), 1)
})

test('an event that gives nothing has no result; what the front has to see, and conditions, are refused', async () => {
  using root = new TestRoot()
  const core = root.core()
  addEvent(core, 'quiet:one', () => undefined)
  assert.deepEqual(await ask(core, 'event:emit', { event: 'quiet:one' }), {})
  for (const event of ['event:emit', 'monitor:subscribe', 'completion:stream', 'system:shutdown'])
    assert.match(String((await ask(core, 'event:emit', { event })).error), /cannot be sent by event:emit/)
  const asked = await ask(core, 'event:emit', { event: 'quiet:one', condition: 'x > 1' })
  assert.deepEqual([asked.code, (asked.details as Reply).parameters], ['KSI_UNSUPPORTED_PARAMETER', ['condition']])
})
