import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../core.ts'
import { settle } from '../completion/settle.ts'
import { ask } from '../testing/ask.ts'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import { Monitor } from './monitor.ts'
import { registerQueries } from './queries.ts'

type Reply = Record<string, unknown>

function generation(root: TestRoot): Core {
  const core = root.core()
  registerQueries(core, new Monitor(core))
  return core
}

function emit(core: Core, count: number, name = 'count:one', data: Reply = {}): void {
  core.journal.tx(() => {
    for (let next = 1; next <= count; next++) core.journal.emitAny(name, { next, ...data })
  })
}

const seqs = (reply: Reply): unknown[] => (reply.events as Reply[]).map(({ seq }) => seq)
const connection = (id: number) => ({ connection: { id, transport: 'unix' as const, connected_at: 0 } })

test('events of the past are found by name, agent and time, newest first, page by page', async () => {
  using root = new TestRoot()
  const core = generation(root)
  emit(core, 3)
  emit(core, 2, 'count:two', { agent_id: 'worker' })
  emit(core, 3)
  const all = await ask(core, 'monitor:get_events')
  assert.deepEqual([seqs(all), all.count, all.total_events, all.next], [[8, 7, 6, 5, 4, 3, 2, 1], 8, 8, null])
  const [first] = all.events as Reply[]
  assert.ok(Math.abs(Number(first?.timestamp) - Date.now() / 1_000) < 60)
  assert.deepEqual({ ...first, timestamp: 0 }, { timestamp: 0, event_name: 'count:one', data: { next: 3 }, seq: 8 })
  assert.deepEqual(seqs(await ask(core, 'monitor:get_events', { event_patterns: ['*:two'] })), [5, 4])
  assert.deepEqual(seqs(await ask(core, 'monitor:get_events', { _agent_id: 'worker', reverse: false })), [4, 5])
  const pages: unknown[] = []
  for (let before: unknown = null, more = true; more; more = before !== null) {
    const page = await ask(core, 'monitor:get_events', { event_patterns: ['count:one'], limit: 4, before })
    pages.push(seqs(page))
    before = page.next
  }
  assert.deepEqual(pages, [
    [8, 7, 6, 3],
    [2, 1],
  ])
  const soon = Date.now() / 1_000 + 60
  const none = await ask(core, 'monitor:get_events', { since: soon })
  assert.deepEqual([none.count, (none.query as Reply).since], [0, soon])
  assert.equal((await ask(core, 'monitor:get_events', { until: new Date(soon * 1_000).toISOString() })).count, 8)
  assert.equal((await ask(core, 'monitor:get_events', { until: '2020-01-01' })).count, 0)
})

test('long values are told by their length unless all of them are asked for, and a reply has bounds', async () => {
  using root = new TestRoot()
  const core = generation(root)
  const list = Array.from({ length: 2_000 }, (_, i) => i)
  emit(core, 1, 'long:one', { text: 'x'.repeat(6_000), deep: { list, short: 'y' } })
  const data = async (more: Reply = {}): Promise<unknown> =>
    ((await ask(core, 'monitor:get_events', more)).events as Reply[])[0]?.data
  const length = JSON.stringify(list).length
  const short = { next: 1, text: '<stripped:6000 chars>', deep: { list: `<stripped:${length} chars>`, short: 'y' } }
  assert.deepEqual(await data(), short)
  assert.equal(((await data({ resolve_references: true })) as Reply).text, 'x'.repeat(6_000))
  emit(core, 5, 'long:many', { text: 'x'.repeat(2_000_000) })
  const page = await ask(core, 'monitor:get_events', { resolve_references: true, event_patterns: ['long:many'] })
  assert.deepEqual([seqs(page), page.next], [[6, 5], 5])
})

test('one search looks at so many events, and its reply says where to go on', async () => {
  using root = new TestRoot()
  const core = generation(root)
  emit(core, 1, 'rare:one')
  emit(core, 60_000)
  const first = await ask(core, 'monitor:get_events', { event_patterns: ['rare:*'] })
  assert.deepEqual([first.count, first.next], [0, 10_002])
  const [second, other] = await Promise.all([
    ask(core, 'monitor:get_events', { event_patterns: ['rare:*'], before: first.next }),
    ask(core, 'monitor:get_events', { limit: 1 }),
  ])
  assert.deepEqual([seqs(second), second.next, seqs(other)], [[1], null, [60_001]])
})

test("a session's events are those of its requests", async () => {
  using root = new TestRoot()
  const core = generation(root)
  for (const id of ['one', 'two']) {
    begin(core, accept(core, { request_id: id, session_id: id, model: 'echo/echo' }))
    core.journal.tx(() => settle(core, rowOf(core, id), completed(id)))
  }
  const told = await ask(core, 'monitor:get_session_events', { session_id: 'one', reverse: false })
  assert.deepEqual([told.session_id, told.count, told.sources, told.next], ['one', 3, ['journal'], null])
  const names = (told.events as Reply[]).map(({ event_name }) => event_name)
  assert.deepEqual(names, ['completion:queued', 'completion:progress', 'completion:result'])
  assert.equal((await ask(core, 'monitor:get_session_events', { session_id: 'nobody' })).count, 0)
})

test('status, stats and subscriptions are told, a subscriber by the name on its envelope', async () => {
  using root = new TestRoot()
  const core = generation(root)
  emit(core, 2)
  core.journal.tx(() => core.journal.agents.register('worker', '{"profile":"p"}', 5))
  const status = await ask(core, 'monitor:get_status', { limit: 1 })
  assert.deepEqual([status.status, seqs(status), status.event_count], ['ok', [2], 1])
  assert.deepEqual(status.agents, [
    { agent_id: 'worker', profile: 'p', status: 'idle', created: '1970-01-01T00:00:00.005Z' },
  ])
  assert.deepEqual([status.agent_count, status.total_identities, typeof status.timestamp], [1, 1, 'number'])
  const bare = await ask(core, 'monitor:get_status', { include_agents: false, include_events: false })
  assert.deepEqual([bare.events, bare.agents], [[], []])
  const subscribed = await ask(core, 'monitor:subscribe', {}, { ...connection(1), clientId: 'me' })
  assert.equal(subscribed.client_id, 'me')
  await ask(core, 'monitor:subscribe', { event_patterns: ['a:*'] }, connection(2))
  const { subscription_stats, timestamp } = await ask(core, 'monitor:get_subscriptions')
  assert.equal(typeof timestamp, 'number')
  assert.deepEqual(subscription_stats, {
    total_subscriptions: 2,
    total_writers: 2,
    clients_with_writers: 2,
    clients_without_writers: 0,
    writers_without_subscriptions: 0,
    subscriptions: { me: ['*'], 'connection 2': ['a:*'] },
    behind: 0,
  })
  const { event_log, router } = await ask(core, 'monitor:get_stats')
  assert.deepEqual([(event_log as Reply).type, (event_log as Reply).db_path], ['journal', core.settings.paths.journal])
  assert.equal((event_log as Reply).events_dir, core.settings.paths.events)
  assert.equal((router as Reply).subscriptions, 2)
})

test('the event log is asked by the names of the observation system, and told in numbers', async () => {
  using root = new TestRoot()
  const core = generation(root)
  emit(core, 5)
  emit(core, 2, 'count:two', { agent_id: 'worker' })
  const page = await ask(core, 'event_log:query', { event_patterns: ['count:one'], limit: 2, offset: 1 })
  assert.deepEqual([seqs(page), page.total, page.has_more, page.offset], [[4, 3], 3, true, 1])
  const one = await ask(core, 'event_log:query', { source_agent: 'worker', start_time: 0, end_time: '2100-01-01' })
  assert.deepEqual([seqs(one), one.total, one.has_more], [[7, 6], 2, false])
  const stats = await ask(core, 'event_log:stats')
  const { total_events, first_seq, last_seq } = stats.database as Reply
  assert.deepEqual([stats.status, total_events, first_seq, last_seq], ['ok', 7, 1, 7])
  assert.deepEqual(stats.storage, { files: 0, bytes: 0 })
  const { counted, by_type, by_date, recent_activity } = stats.events as Reply
  assert.deepEqual([counted, by_type], [7, { 'count:one': 5, 'count:two': 2 }])
  assert.equal(Object.values(by_date as Record<string, number>)[0], 7)
  assert.deepEqual(recent_activity, { last_minute: 7, last_hour: 7 })
  assert.equal(typeof (stats.performance as Reply).took_ms, 'number')
})

test("a client's own event is pushed and has no result; what ksi or a module says it cannot say", async () => {
  using root = new TestRoot()
  const core = generation(root)
  const sent = { event_name: 'build:red', event_data: { why: 'x' } }
  assert.deepEqual(await ask(core, 'monitor:broadcast_event', sent), {})
  const { name, data } = core.events.after(0, 10).at(-1) ?? {}
  assert.deepEqual([name, data], ['build:red', { why: 'x' }])
  const refused = await ask(core, 'monitor:broadcast_event', { event_name: 'completion:result' }, { eventId: 'e2' })
  assert.match(String(refused.error), /^The events completion:… are not a client's to tell/)
})
