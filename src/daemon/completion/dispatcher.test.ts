import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KsiError } from '../../lib/errors.ts'
import { databaseOf } from '../../store/testing/sound.ts'
import { Dispatched } from '../testing/dispatched.ts'
import { TestRoot, accept, completed, rowOf } from '../testing/test-core.ts'
import { internalContext } from '../wire/router.ts'
import { retryRequest } from './retry.ts'
import { settle } from './settle.ts'
import { describeRequest } from './status.ts'

test('what can start in one turn is one transaction, in the order of acceptance, as far as there is room', async () => {
  using root = new TestRoot()
  const core = root.core({ KSI_MAX_CONCURRENT: '40' })
  const ids = Array.from({ length: 50 }, (_, i) => accept(core, { request_id: `r${i}`, session_id: `s${i}` }))
  accept(core, { request_id: 'behind', session_id: 's0' })
  const dispatched = new Dispatched(core)
  dispatched.dispatcher.open()
  await dispatched.turns(5)
  assert.deepEqual(dispatched.transactions, [32, 8])
  assert.deepEqual(dispatched.ids, ids.slice(0, 40))
  assert.equal(core.requests.total('processing'), 40)
  assert.equal(rowOf(core, 'behind').state, 'queued')
  dispatched.dispatcher.close()
})

test('one that cannot be started keeps its place; those before it start, and nothing of it is left', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'bad', 'c']) accept(core, { request_id: id, session_id: id })
  const payload = core.requests.payload.bind(core.requests)
  const broken = t.mock.method(core.requests, 'payload', (id: string) => {
    if (id === 'bad') throw new Error('a bug was saved')
    return payload(id)
  })
  const dispatched = new Dispatched(core)
  dispatched.dispatcher.open()
  await dispatched.turns(3)
  assert.deepEqual([dispatched.ids, dispatched.transactions], [['a'], [1]])
  assert.deepEqual([rowOf(core, 'bad').state, rowOf(core, 'bad').attempts], ['queued', 0])
  broken.mock.restore()
  t.mock.timers.tick(1_000)
  await dispatched.turns(3)
  assert.deepEqual(dispatched.ids, ['a', 'bad', 'c'])
  assert.equal(root.core().journal.hand.left(), undefined, 'nobody is in hand between turns')
  dispatched.dispatcher.close()
})

test('a conversation that waits for another try goes on in its time, among the others in its order', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  using root = new TestRoot()
  const core = root.core({}, { time: { uptimeMs: () => Date.now(), wallMs: () => 5, machine: 'here' } })
  accept(core, { request_id: 'waits', session_id: 'w' })
  const dispatched = new Dispatched(core)
  dispatched.dispatcher.open()
  await dispatched.turns(3)
  const again = { notBefore: core.journal.clock.now() + 500, uncounted: false, now: Date.now(), run: 'failed' as const }
  core.journal.tx(() => core.requests.requeue('waits', again))
  dispatched.dispatcher.kick()
  await dispatched.turns(3)
  t.mock.timers.tick(499)
  await dispatched.turns(3)
  assert.deepEqual(dispatched.ids, ['waits'])
  accept(core, { request_id: 'later', session_id: 'l' })
  t.mock.timers.tick(1)
  await dispatched.turns(3)
  assert.deepEqual(dispatched.ids, ['waits', 'waits', 'later'])
  assert.deepEqual(
    dispatched.inputs.map(({ attempt }) => attempt),
    [1, 2, 1],
  )
  dispatched.dispatcher.close()
})

test('a provider with a limit of its own runs no more than that, in order, and holds up nobody else', async () => {
  using root = new TestRoot()
  const core = root.core({ KSI_PROVIDER_CONCURRENT: 'claude-cli=2' })
  const claude = (name: string) => accept(core, { request_id: name, session_id: name, model: 'claude-cli/sonnet' })
  for (const name of ['c1', 'c2', 'c3', 'c4']) claude(name)
  accept(core, { request_id: 'e', session_id: 'e' })
  const dispatched = new Dispatched(core)
  dispatched.dispatcher.open()
  await dispatched.turns(3)
  assert.deepEqual(dispatched.ids, ['c1', 'c2', 'e'])
  core.journal.tx(() => settle(core, rowOf(core, 'c2'), completed()))
  dispatched.dispatcher.kick()
  await dispatched.turns(3)
  assert.deepEqual(dispatched.ids, ['c1', 'c2', 'e', 'c3'])
  dispatched.dispatcher.close()
})

test('a request whose content cannot be read fails by its name, as a loss, and the others go on', async () => {
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'garbled', 'b']) accept(core, { request_id: id, session_id: id })
  accept(core, { request_id: 'gone', session_id: 'garbled' })
  accept(core, { request_id: 'behind', session_id: 'garbled' })
  const garble = (id: string, how: string) =>
    databaseOf(core.journal).exec(`${how} WHERE request = (SELECT id FROM requests WHERE request_id = '${id}')`)
  garble('garbled', 'UPDATE payloads SET data = substr(data, 9)')
  garble('gone', 'DELETE FROM payloads')
  assert.equal(describeRequest(core, 'garbled').status, 'queued')
  const dispatched = new Dispatched(core)
  dispatched.dispatcher.open()
  await dispatched.turns(10)
  assert.deepEqual(dispatched.ids, ['a', 'b', 'behind'])
  for (const id of ['garbled', 'gone']) {
    const { status, reason, message } = describeRequest(core, id)
    assert.deepEqual([status, reason], ['failed', 'daemon_restart'])
    assert.match(message ?? '', /damaged part of the journal; send it again/)
    assert.throws(
      () => retryRequest(core, { request_id: id }, internalContext),
      (error) => error instanceof KsiError && error.code === 'KSI_BAD_REQUEST' && error.message.includes(id),
    )
  }
  assert.deepEqual(
    [core.requests.total('lost'), core.journal.losses.list.map(({ requests, failed }) => [requests, failed])],
    [2, [[0, 2]]],
  )
  assert.match(core.journal.losses.list[0]?.message ?? '', /by their names: 2/)
  dispatched.dispatcher.close()
})
