import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseOf } from '../../store/testing/sound.ts'
import { HeldWorld, time } from '../testing/held-world.ts'
import { TestRoot, completed, failed, rowOf } from '../testing/test-core.ts'
import { describeStatus } from './status.ts'

const minute = 60_000
const final = failed({ retryable: false, message: 'no such model' })

/** As a provider tells that it has used so much. */
const used = (tokens: number, cost_usd?: number) => ({
  ...completed('s'),
  usage: {
    input_tokens: tokens - 1,
    output_tokens: 1,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    ...(cost_usd !== undefined && { cost_usd }),
  },
})

test('everything, a provider, a model, an agent, a conversation are held and released by hand, and told', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  root.completion(world.core)
  world.add1('ann', { agent_id: 'ann' }).add1('m', { model: 'echo/m' }).add1('c', { model: 'claude-cli/x' }).add('d')
  const targets: [Record<string, unknown>, string[]][] = [
    [{ all: true }, []],
    [{ provider: 'echo' }, ['c']],
    [{ model: 'echo/m' }, ['ann', 'd']],
    [{ agent_id: 'ann' }, []],
    [{ conversation_id: 'd' }, []],
  ]
  for (const [target, started] of targets) {
    const { status, hold } = world.send('completion:hold', { ...target, reason: 'because' })
    const { cause, reason, until, phase, times, probe } = hold as Record<string, unknown>
    assert.deepEqual([status, cause, reason, until], ['held', 'manual', 'because', null])
    assert.deepEqual([phase, times, probe], ['held', 1, null])
    if (target.agent_id === undefined && target.conversation_id === undefined)
      assert.deepEqual(await world.started(), started, JSON.stringify(target))
    const { released } = world.send('completion:release', { ...target, reason: 'enough' })
    assert.deepEqual((released as object[]).length, 1)
  }
  assert.deepEqual(world.holds(), [])
  const [last] = world.core.events.after(0, 1_000).slice(-1)
  assert.deepEqual([last?.name, last?.data.name, last?.data.why], ['completion:released', 'd', 'enough'])
  world.close()
})

test('what is misspelt, or not one thing, is refused with what to do', (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a')
  root.completion(world.core)
  const refused: [string, Record<string, unknown>, string, RegExp][] = [
    ['completion:hold', {}, 'KSI_BAD_REQUEST', /Say one thing/],
    ['completion:hold', { provider: 'echo', all: true }, 'KSI_BAD_REQUEST', /Say one thing/],
    ['completion:hold', { provider: 'ehco' }, 'KSI_NOT_FOUND', /There are echo, /],
    ['completion:hold', { model: 'echo' }, 'KSI_NOT_FOUND', /PROVIDER\/MODEL/],
    ['completion:hold', { model: '~x/y' }, 'KSI_NOT_FOUND', /PROVIDER\/MODEL/],
    ['completion:hold', { conversation_id: 'nobody' }, 'KSI_NOT_FOUND', /no conversation nobody/],
    ['completion:hold', { agent_id: 'nobody' }, 'KSI_NOT_FOUND', /no agent nobody/],
    ['completion:release', { provider: 'echo' }, 'KSI_NOT_FOUND', /ksi hold list/],
    ['completion:policy', { agent_id: 'a', on_failure: 'hold' }, 'KSI_BAD_REQUEST', /on_failure/],
    ['completion:policy', { agent_id: 'a', day: true }, 'KSI_BAD_REQUEST', /Say one thing/],
  ]
  for (const [event, data, code, words] of refused) {
    const reply = world.send(event, data)
    assert.equal(reply.code, code, `${event} ${JSON.stringify(data)}: ${JSON.stringify(reply)}`)
    assert.match(String(reply.error), words)
  }
  world.close()
})

test('a hold with a time ends by itself, without a probe', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a', 'b')
  root.completion(world.core)
  world.send('completion:hold', { provider: 'echo', for_ms: minute })
  assert.deepEqual(await world.started(), [])
  t.mock.timers.tick(minute)
  assert.deepEqual([await world.started(), world.holds()], [['a', 'b'], []])
  world.close()
})

test('an agent with many conversations is held without looking at them again, and released bit by bit', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  root.completion(world.core)
  const names = Array.from({ length: 600 }, (_, i) => `a${i}`)
  for (const name of names) world.add1(name, { agent_id: 'ann' })
  world.send('completion:hold', { agent_id: 'ann' })
  world.add('other')
  await world.dispatched.turns(100)
  assert.deepEqual(
    world.dispatched.inputs.splice(0).map(({ request_id }) => request_id),
    ['other'],
  )
  assert.deepEqual(world.core.conversations.runnable(9), [], 'they are in nobody’s way')
  world.send('completion:release', { agent_id: 'ann' })
  assert.deepEqual(world.holds(), [], 'what is left to be done is no hold any more')
  world.dispatched.dispatcher.kick()
  await world.dispatched.turns(30)
  assert.equal(world.core.requests.total('processing'), 64)
  assert.equal(world.core.journal.lanes.parked(9).length, 0)
  assert.deepEqual(world.dispatched.inputs[0]?.request_id, 'a0')
  world.close()
})

test('a failed turn holds its conversation where that is asked: of the request, the conversation or all', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  root.completion(world.core)
  world.add1('r', { on_failure: 'hold' }).add('r-2', 'c', 'c-2', 'e', 'e-2')
  assert.equal(world.send('completion:policy', { conversation_id: 'c', on_failure: 'hold' }).on_failure, 'hold')
  await world.started()
  for (const id of ['r', 'c', 'e']) world.end(id, final)
  assert.deepEqual(
    [await world.started(), world.holds()],
    [['e-2'], ['conversation c failure held', 'conversation r failure held']],
  )
  const status = world.send('completion:status', { request_id: 'r-2' })
  assert.deepEqual([status.waits_for, status.next_try_at], ['failure', undefined])
  assert.match(JSON.stringify(status.holds), /Request r failed: no such model/)
  world.send('completion:inject', { prompt: 'now', request_id: 'first', conversation_id: 'r' })
  assert.deepEqual(await world.started(), [], 'who comes later waits too')
  world.send('completion:release', { conversation_id: 'r' })
  assert.deepEqual(await world.started(), ['first'])
  world.close()
  const all = new HeldWorld(root.core({ KSI_ON_FAILURE: 'hold', KSI_ON_RESTART: 'requeue' }, { time }))
  all.add('g').add1('h', { on_failure: 'continue', on_restart: 'fail' })
  assert.deepEqual([rowOf(all.core, 'g').on_restart, rowOf(all.core, 'h').on_restart], ['requeue', 'fail'])
  await all.started()
  for (const id of ['g', 'h']) all.end(id, final)
  assert.deepEqual(
    all.holds().filter((hold) => /conversation [gh]/.test(hold)),
    ['conversation g failure held'],
  )
  all.close()
})

test('a conversation takes no more than it may have queued, and says what to do', (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root, { KSI_MAX_QUEUED_CONVERSATION: '2' })
  root.completion(world.core)
  world.add('a', 'a-2', 'b')
  const reply = world.send('completion:async', { prompt: 'x', conversation_id: 'a' })
  assert.equal(reply.code, 'KSI_CONVERSATION_FULL')
  assert.match(String(reply.error), /2 requests wait in the conversation a.*KSI_MAX_QUEUED_CONVERSATION.*send it again/)
  assert.equal(
    world.send('completion:async', { prompt: 'hello', request_id: 'a', conversation_id: 'a' }).status,
    'queued',
  )
  world.close()
})

test('budgets of a conversation, an agent and the day hold until they are raised, or the day is over', async (t) => {
  using root = new TestRoot()
  const env = { KSI_BUDGET_TOKENS: 'conversation=100, agent=150', KSI_BUDGET_USD: 'day=2' }
  const world = HeldWorld.begin(t, root, env)
  root.completion(world.core)
  world.add1('a', { agent_id: 'ann' }).add1('b', { agent_id: 'ann' }).add('a-2', 'c', 'c-2')
  await world.started()
  world.end('a', used(99)).end('c', used(100))
  assert.deepEqual([await world.started(), world.holds()], [['a-2'], ['conversation c budget held']])
  assert.match(world.core.holds.list(1).holds[0]?.reason ?? '', /100 of 100 tokens/)
  world.end('b', used(60)).add1('d', { agent_id: 'ann' })
  assert.deepEqual(world.holds(), ['agent ann budget held', 'conversation c budget held'])
  assert.deepEqual(await world.started(), [])
  const raised = world.send('completion:policy', { agent_id: 'ann', tokens: 1_000 })
  assert.deepEqual([raised.tokens, raised.tokens_used], [1_000, 159])
  assert.deepEqual([await world.started(), world.holds()], [['d'], ['conversation c budget held']])
  assert.equal(world.send('completion:policy', { session_id: 'c', tokens: 100_000 }).tokens_used, 100)
  assert.deepEqual(await world.started(), ['c-2'])
  world.end('d', used(5, 2.5)).add('e')
  assert.deepEqual([await world.started(), world.holds()], [[], ['all  budget held']])
  assert.deepEqual([world.core.holds.list(1).holds[0]?.until], ['2026-11-25T00:00:00.000Z'])
  t.mock.timers.tick(12 * 60 * minute)
  assert.deepEqual([await world.started(), world.holds()], [['e'], []])
  assert.equal(world.send('completion:policy', { day: true }).cost_usd_used, 0)
  assert.equal(world.send('completion:policy', { conversation_id: 'c', unset: ['tokens'] }).tokens, 100)
  assert.deepEqual(world.holds(), ['conversation c budget held'])
  world.close()
  const richer = new HeldWorld(root.core({ KSI_BUDGET_TOKENS: 'conversation=500' }, { time }))
  assert.deepEqual(richer.holds(), [], 'a setting that was raised releases at the next boot')
  richer.close()
})

test('a save that is undone while outcomes are taken in does not count what was used twice', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root, { KSI_BUDGET_TOKENS: 'day=100' }).add('a', 'b')
  await world.started()
  world.end('a', used(40))
  assert.throws(() =>
    world.core.journal.tx(
      () => (world.core.budgets.spent({ conversation: 'b', agent_id: null }, used(99).usage), assert.fail('undone')),
    ),
  )
  world.core.budgets.forget()
  world.end('b', used(40))
  assert.deepEqual([world.holds(), world.core.budgets.usedBy('day', '').tokens], [[], 80])
  world.close()
})

test('what is held is told with the service, and in a list of its own', (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  root.completion(world.core)
  world.add1('m', { model: 'echo/m' })
  world.send('completion:hold', { model: 'echo/m', reason: 'a reason' })
  const status = describeStatus(world.core)
  assert.ok('service_ready' in status)
  assert.deepEqual([status.held, status.holds.map(({ name }) => name)], [1, ['echo/m']])
  assert.deepEqual(
    (world.send('completion:holds', {}).holds as { reason: string }[]).map(({ reason }) => reason),
    ['a reason'],
  )
  world.close()
})

test('looking for the holds of one request walks along the key, however many there are', (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a')
  const db = databaseOf(world.core.journal)
  const prepare = t.mock.method(db, 'prepare')
  world.core.holds.of(rowOf(world.core, 'a'))
  const sql = prepare.mock.calls.map(({ arguments: [text] }) => text).find((text) => text.includes('VALUES'))
  prepare.mock.restore()
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all({ model: '', provider: '', agent_id: '', conversation: '' })
  const steps = plan.map((row) => (row as { detail: string }).detail)
  assert.ok(
    steps.some((step) => /SEARCH h USING PRIMARY KEY \(scope=\? AND name=\?\)/.test(step)),
    steps.join('; '),
  )
  world.close()
})
