import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../core.ts'
import { ask } from '../testing/ask.ts'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import { settle } from '../completion/settle.ts'
import { registerAgents } from './agents.ts'

type Reply = Record<string, unknown>

/** A generation that knows agents; each event is a request of its own. */
function generation(root: TestRoot): { core: Core; send: (event: string, data?: Reply) => Promise<Reply> } {
  const core = root.core()
  registerAgents(core)
  let sent = 0
  return { core, send: (event, data) => ask(core, event, data, { eventId: `e${core.generation}-${++sent}` }) }
}

/** A turn of an agent, answered in a session. */
function turn(core: Core, id: string, agent: string, session: string): void {
  begin(core, accept(core, { request_id: id, agent_id: agent, model: 'echo/echo' }))
  core.journal.tx(() => settle(core, rowOf(core, id), completed(session)))
}

test('an agent registers, is listed and told with what it said of itself, also in the next generation', async () => {
  using root = new TestRoot()
  const { send } = generation(root)
  const info = { component: 'components/core/base', model: 'echo/echo', more: [1] }
  assert.deepEqual(await send('agent:register', { agent_id: 'a b/ü', info }), {
    agent_id: 'a b/ü',
    status: 'registered',
  })
  assert.deepEqual(await send('agent:register', { agent_id: 'bare' }), { agent_id: 'bare', status: 'registered' })
  const next = generation(root)
  const { agents, count, next: more } = await next.send('agent:list')
  assert.deepEqual([count, more], [2, null])
  const [first] = agents as Reply[]
  assert.equal(typeof first?.created_at, 'string')
  assert.deepEqual(
    { ...first, created_at: '' },
    {
      agent_id: 'a b/ü',
      status: 'idle',
      component: 'components/core/base',
      created_at: '',
      metadata_namespace: null,
    },
  )
  const told = await next.send('agent:info', { agent_id: 'a b/ü' })
  assert.deepEqual(
    [told.registered, told.config, told.info, told.conversation],
    [true, { model: 'echo/echo' }, info, null],
  )
})

test('one that only sent a request is an agent too; it can be forgotten, and what it has queued goes on', async () => {
  using root = new TestRoot()
  const { core, send } = generation(root)
  accept(core, { request_id: 'r', agent_id: 'worker', model: 'echo/echo' })
  const told = await send('agent:info', { agent_id: 'worker' })
  assert.deepEqual(
    [told.status, told.registered, told.queued, told.config, told.created_at],
    ['active', false, 1, { model: 'echo/echo' }, null],
  )
  assert.equal(typeof told.last_activity, 'string')
  assert.deepEqual(await send('agent:unregister', { agent_id: 'worker' }), {
    agent_id: 'worker',
    status: 'unregistered',
  })
  for (const event of ['agent:info', 'agent:unregister']) {
    const gone = await send(event, { agent_id: 'worker' })
    assert.deepEqual([gone.error, gone.code], ['Agent worker not found', 'KSI_NOT_FOUND'])
  }
  assert.equal(rowOf(core, 'r').state, 'queued')
})

test('agents are listed page by page, those of both kinds each once', async () => {
  using root = new TestRoot()
  const { core, send } = generation(root)
  for (const id of ['c', 'a', 'e']) await send('agent:register', { agent_id: id })
  for (const id of ['b', 'a', 'd']) accept(core, { agent_id: id, model: 'echo/echo' })
  const names: unknown[] = []
  for (let after: unknown = ''; after !== null;) {
    const page = await send('agent:list', { limit: 2, after })
    names.push(...(page.agents as Reply[]).map(({ agent_id }) => agent_id))
    after = page.next
  }
  assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e'])
})

test('what an agent says of itself has its bounds', async () => {
  using root = new TestRoot()
  const { send } = generation(root)
  const told = await send('agent:register', { agent_id: 'a', info: { text: 'x'.repeat(70_000) } })
  assert.match(String(told.error), /info has 70011 characters, and 65536 are the limit/)
})

test("an agent's session is cleared: its next request begins a new conversation", async () => {
  using root = new TestRoot()
  const { core, send } = generation(root)
  turn(core, 'one', 'worker', 's1')
  assert.deepEqual(await send('completion:clear_agent_session', { agent_id: 'worker' }), {
    status: 'cleared',
    agent_id: 'worker',
    old_session: 's1',
  })
  assert.deepEqual(await send('completion:clear_agent_session', { agent_id: 'worker' }), {
    status: 'not_found',
    agent_id: 'worker',
  })
  accept(core, { request_id: 'two', agent_id: 'worker', model: 'echo/echo' })
  assert.notEqual(rowOf(core, 'two').conversation, rowOf(core, 'one').conversation)
})

test('a conversation is reset and told to subscribers; a part of it cannot be kept', async () => {
  using root = new TestRoot()
  const { core, send } = generation(root)
  turn(core, 'one', 'worker', 's1')
  const some = await send('completion:reset_conversation', { agent_id: 'worker', depth: 2 })
  assert.deepEqual([some.code, (some.details as Reply).parameters], ['KSI_UNSUPPORTED_PARAMETER', ['depth']])
  const kept = { agent_id: 'worker', reset_type: 'full', contexts_kept: 0 }
  assert.deepEqual(await send('completion:reset_conversation', { agent_id: 'worker' }), {
    ...kept,
    reset: true,
    had_active_session: true,
  })
  const { name, data } = core.events.after(0, 100).at(-1) ?? {}
  const { conversation } = rowOf(core, 'one')
  assert.deepEqual([name, data], ['conversation:reset', { ...kept, conversation, session_id: 's1' }])
  assert.deepEqual(await send('completion:reset_conversation', { agent_id: 'worker' }), {
    ...kept,
    reset: false,
    had_active_session: false,
  })
})

test("an agent's conversation is told in numbers", async () => {
  using root = new TestRoot()
  const { core, send } = generation(root)
  turn(core, 'one', 'worker', 's1')
  begin(core, accept(core, { request_id: 'two', agent_id: 'worker', model: 'echo/echo' }))
  accept(core, { request_id: 'three', agent_id: 'worker', model: 'echo/echo' })
  const { last_activity, ...told } = await send('completion:get_conversation_summary', { agent_id: 'worker' })
  assert.equal(typeof last_activity, 'string')
  assert.deepEqual(told, {
    agent_id: 'worker',
    has_active_session: true,
    conversation: rowOf(core, 'one').conversation,
    session_id: 's1',
    model: 'echo/echo',
    request_count: 3,
    queued: 1,
    running: 'two',
  })
  const nobody = await send('completion:get_conversation_summary', { agent_id: 'nobody' })
  assert.equal(nobody.error, 'Agent nobody not found')
})
