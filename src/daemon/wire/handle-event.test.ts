import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSpecs } from '../../contracts/events.ts'
import { countRequests, muchText, setFull } from '../../store/testing/temp-journal.ts'
import type { Core } from '../core.ts'
import { registerCheckpoints } from '../checkpoint/checkpoint.ts'
import { internalContext } from './router.ts'
import { TestRoot, addEvent } from '../testing/test-core.ts'
import { handleEvent } from './handle-event.ts'

type Reply = Record<string, unknown>

function send(core: Core, event: string, data: Reply = {}, sent: { id?: string; again?: boolean } = {}): Reply {
  const { id: eventId = 'e', again = false } = sent
  const results = handleEvent(core, { event, data, context: { ...internalContext, eventId }, again })
  assert.ok(!(results instanceof Promise))
  assert.equal(results.length, 1)
  return results[0] as Reply
}

const count = (core: Core): number => countRequests(core.journal)

test('an event sent again after a crash runs once and gets the same reply', () => {
  using root = new TestRoot()
  const before = root.core()
  root.completion(before)
  const reply = send(before, 'completion:async', { prompt: 'hello' }, { id: 'id-1' })
  assert.equal(reply.status, 'queued')
  const after = root.core()
  root.completion(after)
  assert.deepEqual(send(after, 'completion:async', { prompt: 'hello' }, { id: 'id-1', again: true }), reply)
  assert.equal(count(after), 1)
  assert.notEqual(
    send(after, 'completion:async', { prompt: 'hello' }, { id: 'id-2', again: true }).request_id,
    reply.request_id,
  )
  assert.equal(count(after), 2, 'one that never ran does run')
})

test('an event whose transaction was undone is not taken for one that ran', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const undone = (): never =>
    core.journal.tx(() => {
      send(core, 'completion:async', { prompt: 'hello' }, { id: 'id-1' })
      throw new Error('cut')
    })
  assert.throws(undone, /cut/)
  assert.equal(send(core, 'completion:async', { prompt: 'hello' }, { id: 'id-1', again: true }).status, 'queued')
  assert.equal(count(core), 1)
})

test('a missing parameter is named with its type, and the ones there are', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const reply = send(core, 'completion:cancel')
  assert.equal(reply.status, 'error')
  assert.equal(reply.code, 'KSI_BAD_REQUEST')
  assert.equal(reply.error, 'Missing required parameter: request_id (str)')
  assert.deepEqual(reply.available, ['request_id'])
  assert.match(String((reply.details as Reply).help), /^system:help \{"event": "completion:cancel"\}$/)
  assert.equal(send(core, 'completion:async').error, 'Missing required parameter: prompt (str), or messages (list)')
})

test('a parameter that is not known is refused by name, with the nearest there is', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const misspelt = send(core, 'completion:async', { prompt: 'x', sesion_id: 'demo' })
  assert.equal(misspelt.error, 'Unknown parameter: sesion_id. Did you mean session_id?')
  assert.deepEqual([misspelt.code, (misspelt.details as Reply).similar], ['KSI_BAD_REQUEST', ['session_id']])
  assert.ok((misspelt.available as string[]).includes('prompt'))
  assert.match(
    String(send(core, 'completion:cancel', { request_id: 'r', wombat: 1 }).error),
    /^Unknown parameter: wombat\. completion:cancel takes request_id\.$/,
  )
  assert.match(String(send(core, 'monitor:unsubscribe', { all: 1 }).error), /monitor:unsubscribe takes none\./)
  assert.equal(count(core), 0)
})

test("what KSI's clients send beside the parameters is taken, and an event of any keys takes any", () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const beside = { _silent: true, _ksi_context: 'ctx_1', stream: false, priority: 'normal', client_id: 'tui' }
  const also = {
    originator_id: 'me',
    conversation_lock: { timeout: 3 },
    circuit_breaker_config: {},
    extra_body: { ksi: {} },
  }
  const first = send(core, 'completion:async', { prompt: 'x', request_id: 'r', ...also, ...beside })
  assert.equal(first.status, 'queued')
  const { _silent: _, ...unsilenced } = beside
  assert.equal(send(core, 'completion:async', { prompt: 'x', request_id: 'r', ...also, ...unsilenced }).duplicate, true)
  addEvent(core, 'any:thing', (data) => data)
  assert.deepEqual(send(core, 'any:thing', { wombat: 1 }), { wombat: 1 })
})

test('a parameter that is wrong is named with what is wrong', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  assert.match(
    String(send(core, 'completion:async', { prompt: 7 }).error),
    /^Invalid parameter prompt: .*expected string/,
  )
  assert.match(
    String(send(core, 'completion:async', { prompt: 'x', session_id: 'half \ud800' }).error),
    /^Invalid parameter session_id: it has half a surrogate pair/,
  )
  assert.match(
    String(send(core, 'completion:async', { prompt: 'x', extra_body: { echo: { latency_ms: -1 } } }).error),
    /^Invalid parameter extra_body\.echo\.latency_ms: /,
  )
  assert.equal(count(core), 0)
})

test('an unknown event is answered with what may have been meant', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const reply = send(core, 'completion:asinc')
  const similar = ['completion:async']
  const namespaces = [...new Set(Object.keys(eventSpecs).map((name) => name.slice(0, name.indexOf(':'))))].sort()
  assert.equal(reply.error, 'Unknown event: completion:asinc')
  assert.equal((reply.similar as string[])[0], similar[0])
  assert.deepEqual(reply.namespaces, namespaces)
  assert.deepEqual(reply.details, { similar: reply.similar, namespaces })
  assert.deepEqual(Object.keys(send(core, 'zzz')), ['status', 'error', 'namespaces', 'details'])
})

test("a client cannot send what the daemon says to itself; a service's own events it can", () => {
  using root = new TestRoot()
  const core = root.core()
  const ran: string[] = []
  const names = ['system:startup', 'system:context', 'system:ready'] as const
  for (const event of names) core.router.on(event, () => void ran.push(event), { service: 'notes' })
  for (const event of names) assert.equal(send(core, event).error, `Unknown event: ${event}`)
  assert.deepEqual(ran, [])
  addEvent(core, 'notes:add', () => ({ ran: 'notes:add' }))
  assert.deepEqual(send(core, 'notes:add'), { ran: 'notes:add' })
})

test('what a handler throws is reply data, and nothing of what it did is kept', async () => {
  using root = new TestRoot()
  const core = root.core()
  registerCheckpoints(core, {
    remove: () => {
      core.journal.emitAny('half', {})
      throw new TypeError('a bug')
    },
  })
  const reply = send(core, 'dev:checkpoint', { action: 'remove_request', request_id: 'r' })
  assert.deepEqual(reply, { status: 'error', error: 'a bug', code: 'KSI_INTERNAL' })
  assert.equal(core.events.lastSeq(), 0)
  addEvent(core, 'notes:late', () => Promise.reject(new Error('late bug')))
  const late = await handleEvent(core, { event: 'notes:late', data: {}, context: internalContext, again: false })
  assert.deepEqual(late, [{ status: 'error', error: 'late bug', code: 'KSI_INTERNAL' }])
})

test('a full disk is said in words a client can act on', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  setFull(core.journal, true)
  const reply = send(core, 'completion:async', { prompt: muchText })
  assert.equal(reply.code, 'KSI_DISK_FULL')
  assert.match(String(reply.error), /not taken.*send it again/)
  setFull(core.journal, false)
  assert.equal(count(core), 0)
  assert.equal(send(core, 'completion:async', { prompt: muchText }).status, 'queued')
})

test('an _event_id of a client serves one content: the same again gets the first reply, other content an error', () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const ask = (prompt: string): Reply => {
    const context = { ...internalContext, eventId: 'mine' }
    const incoming = { event: 'completion:async', data: { prompt }, context, again: false, ownId: true }
    const results = handleEvent(core, incoming)
    assert.ok(Array.isArray(results))
    return results[0] as Reply
  }
  const first = ask('one')
  assert.deepEqual(ask('one'), first)
  assert.equal(ask('two').code, 'KSI_DUPLICATE_REQUEST')
  assert.equal(count(core), 1)
})
