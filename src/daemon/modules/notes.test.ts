import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../core.ts'
import { takeCheckpoint } from '../checkpoint/checkpoint.ts'
import { registerRestore } from '../checkpoint/restore.ts'
import { TestRoot } from '../testing/test-core.ts'
import { handleEvent } from '../wire/handle-event.ts'
import { internalContext } from '../wire/router.ts'
import { notes } from './notes.ts'

type Reply = Record<string, unknown>

function send(core: Core, event: string, data: Reply = {}): Reply {
  const context = { ...internalContext, clientId: 'me' }
  const results = handleEvent(core, { event, data, context, again: false })
  assert.ok(!(results instanceof Promise))
  return results[0] as Reply
}

/** A generation with the module, as far as `system:startup`. */
async function generation(root: TestRoot, crashed = false): Promise<Core> {
  const core = root.core({}, {}, { modules: [notes] })
  core.modules.register(core)
  registerRestore(core, root.completion(core), crashed)
  await core.router.emitInOrder('system:startup', { generation: core.generation })
  return core
}

const texts = (core: Core): unknown => (send(core, 'notes:list').notes as Reply[]).map(({ text }) => text)

test('notes are added, pushed, listed and removed', async () => {
  using root = new TestRoot()
  const core = await generation(root)
  const added = send(core, 'notes:add', { text: 'one' })
  assert.equal((added.note as Reply).from, 'me')
  send(core, 'notes:add', { text: 'two' })
  assert.deepEqual(texts(core), ['one', 'two'])
  assert.equal(send(core, 'notes:list', { since: (added.note as Reply).id }).count, 1)
  assert.equal(send(core, 'notes:remove', { id: (added.note as Reply).id }).status, 'removed')
  assert.equal(send(core, 'notes:remove', { id: (added.note as Reply).id }).status, 'not_found')
  assert.deepEqual(texts(core), ['two'])
  const pushed = core.events.after(0, 100).filter(({ name }) => name === 'notes:added')
  assert.deepEqual(
    pushed.map(({ data }) => (data.note as Reply).text),
    ['one', 'two'],
  )
  assert.match(String(send(core, 'notes:add', {}).error), /Missing required parameter: text/)
})

test('they are there in the next generation, and after a crash as they were at the newest checkpoint', async () => {
  using root = new TestRoot()
  const first = await generation(root)
  for (const { id } of send(first, 'notes:list').notes as { id: number }[]) send(first, 'notes:remove', { id })
  send(first, 'notes:add', { text: 'kept' })
  takeCheckpoint(first, 'reload')
  send(first, 'notes:add', { text: 'lost with the crash' })
  for (const crashed of [true, true, false]) assert.deepEqual(texts(await generation(root, crashed)), ['kept'])
})
