import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { eventSpecs, pushSpecs } from '../../contracts/events.ts'
import { dataReply } from '../../contracts/wire.ts'
import type { Core } from '../core.ts'
import { registerHealth } from '../health.ts'
import { TestRoot } from '../testing/test-core.ts'
import { registerDiscovery } from './discovery.ts'
import { handleEvent } from './handle-event.ts'
import { internalContext } from './router.ts'

type Reply = Record<string, unknown>

function discovering(root: TestRoot): Core {
  const core = root.core()
  registerDiscovery(core)
  registerHealth(core, Date.now())
  return core
}

function send(core: Core, event: string, data: Reply = {}): Reply {
  const results = handleEvent(core, { event, data, context: internalContext, again: false })
  assert.ok(!(results instanceof Promise))
  return results[0] as Reply
}

test("without a level one reply serves both of KSI's readers, and names what is pushed", () => {
  using root = new TestRoot()
  const reply = send(discovering(root), 'system:discover')
  const { namespaces, events, pushed_events } = reply as Record<string, Record<string, unknown>>
  assert.equal(reply.total_events, Object.keys(eventSpecs).length)
  assert.deepEqual(namespaces?.['dev'], { count: 3, description: 'dev events' })
  const dev = events?.['dev'] as Reply[] | undefined
  const [restore] = (dev ?? []).filter(({ event }) => event === 'dev:restore')
  assert.deepEqual(Object.keys(restore?.parameters ?? {}), ['checkpoint', 'conversation', 'replay', 'dry_run'])
  assert.deepEqual(Object.keys(pushed_events ?? {}), Object.keys(pushSpecs))
})

test('the other levels list by name, the full one with parameters, replies and pushes; filters narrow them', () => {
  using root = new TestRoot()
  const core = discovering(root)
  const short = send(core, 'system:discover', { level: 'namespace', namespace: 'completion' })
  assert.deepEqual(short.namespaces, ['completion'])
  assert.deepEqual(Object.keys((short.events as Record<string, Reply>)['completion:wait'] ?? {}), ['summary'])
  const full = send(core, 'system:discover', { level: 'full', event: 'completion:*' })
  const wait = (full.events as Record<string, { parameters: Reply; reply: Reply }>)['completion:wait']
  assert.deepEqual(Object.keys(wait?.parameters ?? {}), ['request_id', 'timeout_ms'])
  assert.deepEqual(wait?.reply['request_id'], { type: 'str', required: true, description: '' })
  assert.deepEqual(wait?.reply['result'], { type: 'dict', required: false, description: '' })
  const pushes = full.pushes as Record<string, { parameters: Reply }>
  assert.ok(Object.keys(pushes).every((name) => name.startsWith('completion:')))
  assert.deepEqual(Object.keys(pushes['completion:cancelled']?.parameters ?? {}).at(-1), 'was')
})

test('the listing of everything is made once, until a module brings more, and is written as any other', () => {
  using root = new TestRoot()
  const core = discovering(root)
  const listing = send(core, 'system:discover')
  assert.equal(send(core, 'system:discover', { level: 'summary' }), listing)
  assert.notEqual(send(core, 'system:discover', { level: 'full' }), listing)
  const about = { event: 'system:discover', correlation: '7' }
  const [written, plain] = [dataReply([listing], about), dataReply([{ ...listing }], about)].map((text) => ({
    ...JSON.parse(text),
    timestamp: 0,
  }))
  assert.deepEqual(written, plain)
  const spec = { summary: 'x', data: z.looseObject({}), reply: () => z.object({}) }
  core.router.add('notes:list', spec, () => ({}), 'notes')
  assert.equal(send(core, 'system:discover').total_events, Number(listing.total_events) + 1)
})

test('help tells an event with its reply, a push with its fields, and what may have been meant', () => {
  using root = new TestRoot()
  const core = discovering(root)
  const help = send(core, 'system:help', { event: 'completion:cancel' })
  assert.deepEqual([help.module, Object.keys(help.reply as Reply)], ['completion', ['request_id', 'status']])
  assert.equal(send(core, 'system:help', { event: 'system:reload' }).module, 'front')
  const push = send(core, 'system:help', { event: 'monitor:gap' })
  assert.deepEqual([push.pushed, Object.keys(push.parameters as Reply)], [true, ['from', 'to']])
  const unknown = send(core, 'system:help', { event: 'completion:cancle' })
  assert.equal(unknown.code, 'KSI_NOT_FOUND')
  assert.equal(((unknown.details as Reply).similar as string[])[0], 'completion:cancel')
})

test('the services are listed with what they handle, and health names them', () => {
  using root = new TestRoot()
  const core = discovering(root)
  const { modules, count } = send(core, 'module:list') as { modules: Reply[]; count: number }
  assert.equal(count, modules.length)
  assert.deepEqual(modules.at(-1), { name: 'health', handlers: 1, events: ['system:health'] })
  const health = send(core, 'system:health')
  assert.deepEqual([health.status, health.modules], ['healthy', ['discovery', 'health']])
  assert.ok(JSON.stringify(health).length < 4_096)
})

test('detail gives all of what fits a pattern, or of a module, by name; mcp gives tools', () => {
  using root = new TestRoot()
  const core = discovering(root)
  const detailed = send(core, 'system:discover', { detail: true, event: 'completion:c*' })
  const events = detailed.events as Record<string, Reply>
  assert.deepEqual(Object.keys(events), ['completion:cancel', 'completion:clear_agent_session'])
  assert.deepEqual(Object.keys(events['completion:cancel']?.parameters as Reply), ['request_id'])
  const ofFront = send(core, 'system:discover', { detail: true, module: 'front', namespace: 'supervisor' })
  assert.deepEqual(Object.keys(ofFront.events as Reply), ['supervisor:status'])
  const tool = {
    name: 'completion:cancel',
    description: 'Cancel a queued or processing request.',
    inputSchema: {
      type: 'object',
      properties: { request_id: { type: 'string', minLength: 1, maxLength: 200, description: 'the request' } },
      required: ['request_id'],
    },
  }
  assert.deepEqual(send(core, 'system:help', { event: 'completion:cancel', format_style: 'mcp' }), tool)
  const tools = send(core, 'system:discover', { event: 'completion:cancel', format_style: 'mcp' })
  assert.deepEqual(tools.events, { 'completion:cancel': tool })
  assert.match(String(send(core, 'system:discover', { format_style: 'compact' }).error), /verbose/)
})

test('help has an example to send, and says how to use it', () => {
  using root = new TestRoot()
  const help = send(discovering(root), 'system:help', { event: 'completion:async' })
  const [first] = help.examples as Reply[]
  assert.deepEqual(first, { description: 'Queue a prompt in a new conversation.', data: { prompt: 'hello' } })
  assert.deepEqual(help.usage, { event: 'completion:async', data: { prompt: 'hello' } })
})

test('an agent, or claude, gets discovery and help as the use of a tool', () => {
  using root = new TestRoot()
  const core = discovering(root)
  for (const [event, name] of [
    ['system:discover', 'discovery:results'],
    ['system:help', 'help:results'],
  ] as const)
    for (const by of [{ agentId: 'worker' }, { clientId: 'claude-code' }]) {
      const context = { ...internalContext, ...by }
      const results = handleEvent(core, { event, data: { event: 'dev:restore' }, context, again: false })
      assert.ok(!(results instanceof Promise))
      const { id, input, ...about } = results[0] as Reply
      assert.deepEqual(about, { type: 'ksi_tool_use', name })
      assert.match(String(id), /^ksiu_/)
      assert.ok('events' in (input as Reply) || (input as Reply).event === 'dev:restore')
    }
})
