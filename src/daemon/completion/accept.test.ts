import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completionData } from '../../contracts/completion.ts'
import type { Core } from '../core.ts'
import { internalContext } from '../wire/router.ts'
import { TestRoot, begin } from '../testing/test-core.ts'
import { acceptRequest } from './accept.ts'

function send(
  core: Core,
  data: Record<string, unknown>,
  priority: 'INJECT' | 'ASYNC' = 'ASYNC',
): Record<string, unknown> {
  return core.journal.tx(() =>
    acceptRequest(core, {
      event: 'completion:async',
      priority,
      data: completionData.parse({ prompt: 'p', ...data }),
      context: internalContext,
    }),
  )
}

test("a conversation's sessions stand in the order in which they began, also when the clock was set back", () => {
  using root = new TestRoot()
  const core = root.core()
  send(core, { request_id: 'a', session_id: 's1' })
  const hour = 3_600_000
  core.journal.tx(() => {
    core.conversations.setNewestSession('s1', { id: 's2', provider: 'echo', now: Date.now() + hour })
    core.conversations.setNewestSession('s1', { id: 's3', provider: 'echo', now: Date.now() })
  })
  send(core, { request_id: 'b', session_id: 's3' })
  assert.deepEqual(core.conversations.sessionsOf('s1', 10), ['s1', 's2', 's3'])
})

test('the conversation is that of the session, else the named one, else that of the agent, else a new one', () => {
  using root = new TestRoot()
  const core = root.core()
  const conversation = (data: Record<string, unknown>): unknown => send(core, data).conversation
  assert.equal(conversation({ session_id: 's1' }), 's1', 'an unknown session begins a conversation under its id')
  core.conversations.setNewestSession('s1', { id: 's2', provider: 'echo', now: 1 })
  assert.equal(conversation({ session_id: 's2' }), 's1', 'every session of a conversation leads to it')
  assert.equal(conversation({ session_id: 's1', agent_id: 'agent' }), 's1')
  assert.equal(conversation({ agent_id: 'agent' }), 's1')
  assert.equal(conversation({ conversation_id: 'mine', agent_id: 'agent' }), 'mine')
  assert.equal(conversation({ agent_id: 'agent' }), 'mine')
  const [one, other] = [conversation({}), conversation({})]
  assert.notEqual(one, other)
})

test('the same id with the same content is acknowledged as it stands, with other content it is refused', () => {
  using root = new TestRoot()
  const core = root.core()
  const extra_body = { echo: { tokens: 1, latency_ms: 2 } }
  send(core, { request_id: 'a', session_id: 's', extra_body })
  const again = send(core, { session_id: 's', extra_body: { echo: { latency_ms: 2, tokens: 1 } }, request_id: 'a' })
  assert.deepEqual([again.status, again.duplicate, again.queue_depth], ['queued', true, 1])
  begin(core, 'a')
  assert.equal(send(core, { request_id: 'a', session_id: 's', extra_body }).status, 'processing')
  assert.throws(() => send(core, { request_id: 'a', session_id: 's' }), { code: 'KSI_DUPLICATE_REQUEST' })
  assert.equal(core.requests.total('queued'), 0)
})

test('a full queue is said, and takes again when there is room', () => {
  using root = new TestRoot()
  const core = root.core({ KSI_MAX_QUEUED: '2' })
  send(core, { request_id: 'a' })
  send(core, { request_id: 'b' })
  assert.throws(() => send(core, { request_id: 'c' }), { code: 'KSI_QUEUE_FULL' })
  assert.equal(core.requests.get('c'), undefined)
  assert.equal(send(core, { request_id: 'a' }).duplicate, true, 'known ones are still answered')
  begin(core, 'a')
  assert.equal(send(core, { request_id: 'c' }).status, 'queued')
})

test('the acknowledgement tells where the request stands', () => {
  using root = new TestRoot()
  const core = root.core()
  send(core, { request_id: 'a', session_id: 's', model: 'echo/other' })
  begin(core, 'a')
  const reply = send(core, { request_id: 'b', session_id: 's' }, 'INJECT')
  assert.deepEqual(
    [reply.status, reply.queued, reply.queue_depth, reply.session_active, reply.priority],
    ['queued', true, 1, true, 'INJECT'],
  )
  assert.equal(core.requests.get('b')?.model, 'echo/other', 'a conversation keeps its model')
})

test('without anything to answer a request is refused', () => {
  using root = new TestRoot()
  const core = root.core()
  const refused = (): unknown =>
    core.journal.tx(() =>
      acceptRequest(core, { event: 'completion:async', priority: 'ASYNC', data: {}, context: internalContext }),
    )
  assert.throws(refused, { code: 'KSI_BAD_REQUEST', message: /prompt/ })
  assert.equal(send(core, { prompt: undefined, messages: [{ role: 'user', content: 'x' }] }).status, 'queued')
})
