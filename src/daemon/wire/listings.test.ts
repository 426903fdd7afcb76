import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../testing/ask.ts'
import { TestRoot, addEvent } from '../testing/test-core.ts'
import { registerDiscovery } from './discovery.ts'

type Reply = Record<string, unknown>

test('events are told by what handles them, and a service by what it handles', async () => {
  using root = new TestRoot()
  const core = root.core()
  registerDiscovery(core)
  addEvent(core, 'extra:one', () => ({}))
  const told = await ask(core, 'module:events')
  const events = told.events as Record<string, Reply[]>
  assert.deepEqual(events['extra:one'], [{ function: 'extra:one', priority: 50, async: false, module: 'extra' }])
  assert.deepEqual([told.total_events, told.patterns, told.total_patterns], [Object.keys(events).length, {}, 0])
  const { module } = await ask(core, 'module:inspect', { module_name: 'extra' })
  assert.deepEqual(module, {
    name: 'extra',
    handlers: [{ event: 'extra:one', function: 'extra:one', priority: 50, async: false, filter: null }],
    services: ['extra'],
    background_tasks: [],
    running_tasks: 0,
    stats: { handlers: 1, pushes: 0 },
  })
  const unknown = await ask(core, 'module:inspect', { module_name: 'extar' })
  assert.deepEqual([unknown.error, unknown.available], ['Module not found: extar', ['discovery', 'extra']])
  assert.deepEqual(await ask(core, 'router:list_transformers'), { transformers: [], count: 0 })
})

test('permission profiles are told with the tools they let claude use', async () => {
  using root = new TestRoot()
  const core = root.core()
  registerDiscovery(core)
  const { profiles, count } = await ask(core, 'permission:list_profiles')
  const { restricted, trusted } = profiles as Record<string, Reply>
  assert.equal(count, 4)
  const tools = {
    allowed: ['Read', 'Grep', 'Glob', 'LS'],
    disallowed: ['Edit', 'MultiEdit', 'Write', 'NotebookEdit', 'WebFetch', 'WebSearch', 'Bash', 'Task'],
  }
  assert.deepEqual(restricted, {
    level: 'restricted',
    tools,
    capabilities: { write_files: false, run_commands: false, use_network: false },
  })
  assert.deepEqual(trusted?.tools, { allowed: [...tools.allowed, ...tools.disallowed], disallowed: [] })
})
