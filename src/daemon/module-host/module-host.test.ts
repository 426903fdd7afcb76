import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Core } from '../core.ts'
import { registerCheckpoints, takeCheckpoint } from '../checkpoint/checkpoint.ts'
import { registerRestore } from '../checkpoint/restore.ts'
import { TestRoot } from '../testing/test-core.ts'
import { registerDiscovery } from '../wire/discovery.ts'
import { handleEvent } from '../wire/handle-event.ts'
import { internalContext } from '../wire/router.ts'
import { defineModule } from './define-module.ts'
import type { Module } from './define-module.ts'

type Reply = Record<string, unknown>

interface Behaviour {
  name: string
  version?: number
  collect?: () => unknown
  restore?: (state: unknown, version: number) => void | Promise<void>
}

const stateful = ({ version = 1, ...module }: Behaviour): Module => defineModule({ version, events: {}, ...module })

/** A generation with modules, and what they were in trouble for. */
function generation(root: TestRoot, modules: Module[]): { core: Core; troubles: string[] } {
  const troubles: string[] = []
  const core = root.core({}, {}, { modules, onTrouble: ({ message }) => troubles.push(message) })
  core.modules.register(core)
  return { core, troubles }
}

async function start(root: TestRoot, core: Core, crashed = false): Promise<void> {
  registerRestore(core, root.completion(core), crashed)
  await core.router.emitInOrder('system:startup', { generation: core.generation })
}

const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test("a module's events are run, refused where their data is wrong, and told by discovery and help", () => {
  using root = new TestRoot()
  const counter = defineModule({
    name: 'counter',
    version: 1,
    pushes: { 'counter:counted': { summary: 'it counted', data: z.object({ count: z.number() }) } },
    events: {
      'counter:add': {
        summary: 'Count on.',
        data: z.object({ by: z.number().int().describe('how far') }),
        reply: z.object({ count: z.number() }),
        mutates: true,
        handle: ({ by }, { push }) => {
          push('counter:counted', { count: by })
          if (by < 0) throw new Error('it only counts up')
          return { count: by }
        },
      },
    },
  })
  const { core } = generation(root, [counter])
  registerDiscovery(core)
  const send = (event: string, data: Reply): Reply => {
    const results = handleEvent(core, { event, data, context: internalContext, again: false })
    assert.ok(!(results instanceof Promise))
    return results[0] as Reply
  }
  assert.deepEqual(send('counter:add', { by: 2 }), { count: 2 })
  assert.equal(send('counter:add', { by: 'x' }).code, 'KSI_BAD_REQUEST')
  assert.equal(send('counter:add', { by: -1 }).error, 'it only counts up')
  assert.deepEqual(
    core.events.after(0, 10).map(({ name, data }) => [name, data]),
    [['counter:counted', { count: 2 }]],
    'what a handler pushed before it failed is undone',
  )
  const { events } = send('system:discover', { namespace: 'counter', level: 'full' }) as { events: Reply }
  assert.deepEqual(Object.keys(events), ['counter:add'])
  const help = send('system:help', { event: 'counter:add' }) as { parameters: Reply; reply: Reply }
  assert.deepEqual([Object.keys(help.parameters), Object.keys(help.reply)], [['by'], ['count']])
  assert.equal(send('system:help', { event: 'counter:counted' }).pushed, true)
  assert.deepEqual(send('counter:ad', {}).similar, ['counter:add'])
})

test('a module cannot take a name or an event that is not its own', () => {
  const event = { summary: '', data: z.object({}), reply: z.object({}), handle: () => ({}) }
  assert.throws(() => defineModule({ name: 'system', version: 1, events: {} }), /system:… are ksi's own/)
  assert.throws(() => defineModule({ name: 'A B', version: 1, events: {} }), /"A B" cannot be the name/)
  assert.throws(
    () => defineModule({ name: 'mine', version: 1, events: { 'completion:async': event } }),
    /completion:async of the module mine must be called mine:SOMETHING/,
  )
})

test('each module gets its newest state with its version, after crashes and from older checkpoints too', async () => {
  using root = new TestRoot()
  const { core: first } = generation(root, [
    stateful({ name: 'early', version: 2, collect: () => ({ n: 1 }) }),
    stateful({ name: 'nothing', collect: () => undefined }),
  ])
  takeCheckpoint(first, 'manual')
  takeCheckpoint(generation(root, [stateful({ name: 'late', collect: () => [2] })]).core, 'reload')
  const given: unknown[] = []
  const restore = (name: string) => (state: unknown, version: number) => void given.push([name, state, version])
  for (const crashed of [true, true, false]) {
    // A generation that has nothing yet, and dies before it had: what was kept is not replaced by that.
    const names = ['early', 'late', 'nothing']
    const { core } = generation(
      root,
      names.map((name) => stateful({ name, collect: () => ({ empty: true }), restore: restore(name) })),
    )
    await start(root, core, crashed)
  }
  const each = [
    ['early', { n: 1 }, 2],
    ['late', [2], 1],
  ]
  assert.deepEqual(given, [...each, ...each, ...each])
})

test('a module that throws, hangs, rejects, gives too much or no JSON is named, the others are kept', async () => {
  using root = new TestRoot()
  const { core, troubles } = generation(root, [
    stateful({ name: 'good', collect: () => 'good' }),
    stateful({
      name: 'throws',
      collect: () => {
        throw new Error('no')
      },
    }),
    stateful({ name: 'rejects', collect: () => Promise.reject(new Error('later no')) }),
    stateful({ name: 'hangs', collect: () => new Promise(() => {}) }),
    stateful({ name: 'large', collect: () => 'é'.repeat(140_000) }),
    stateful({ name: 'odd', collect: () => 1n }),
    stateful({ name: 'prompt', collect: async () => 'prompt' }),
  ])
  registerCheckpoints(core, { remove: () => {} })
  const { id } = takeCheckpoint(core, 'manual')
  assert.deepEqual(core.journal.moduleStates.of(id), [{ module: 'good', version: 1, state: 'good' }])
  await tick(120)
  const [row] = core.journal.checkpoints.list(1)
  assert.deepEqual(
    row?.module_failures.map(({ module, error }) => [module, error.replace(/BigInt.*/, 'BigInt')]),
    [
      ['hangs', 'it took longer than 50 ms'],
      ['large', 'its state has 280002 bytes, and 262144 are the limit'],
      ['odd', 'Do not know how to serialize a BigInt'],
      ['rejects', 'later no'],
      ['throws', 'no'],
    ],
  )
  assert.deepEqual(core.journal.checkpoints.head(id)?.services, { good: 'good', prompt: 'prompt' })
  assert.equal(troubles.length, 5)
  assert.ok(troubles.includes('The module throws gave no state to the checkpoint: no'))
})

test('a module that cannot restore is named and works on without, and what is kept of it is not replaced', async () => {
  using root = new TestRoot()
  const names = ['a', 'b', 'c']
  const full = generation(
    root,
    names.map((name) => stateful({ name, collect: () => name })),
  )
  takeCheckpoint(full.core, 'reload')
  const given: unknown[] = []
  const { core, troubles } = generation(root, [
    stateful({
      name: 'a',
      collect: () => 'empty',
      restore: () => {
        throw new Error('of an older version')
      },
    }),
    stateful({ name: 'b', collect: () => 'empty', restore: () => Promise.reject(new Error('later')) }),
    stateful({ name: 'c', restore: (state) => void given.push(state) }),
  ])
  await start(root, core)
  assert.deepEqual(given, ['c'])
  assert.equal(troubles.length, 2)
  assert.match(troubles[0] ?? '', /^The module a could not restore its state: of an older version\. It works without/)
  const { id } = takeCheckpoint(core, 'reload')
  assert.deepEqual(
    core.journal.checkpoints.head(id)?.module_failures.map(({ module }) => module),
    ['a', 'b'],
  )
  for (const name of names) assert.equal(core.journal.moduleStates.newest(name)?.state, name)
})
