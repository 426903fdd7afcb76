import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { EventRouter, eventPriority } from './router.ts'

const service = 'test'
const spec = { summary: 'anything', data: z.looseObject({}), reply: () => z.unknown() }

/** Registers a handler under a name that is not in the contract. */
function add(router: EventRouter, event: string, handler: () => unknown): void {
  router.add(event, spec, handler, service)
}

test('handlers run in order of priority, and of registration within one', async () => {
  const router = new EventRouter()
  const seen: string[] = []
  const on = (name: string, priority: 'NORMAL' | 'LOW'): void =>
    router.on('system:startup', () => void seen.push(name), { service, priority: eventPriority[priority] })
  on('low 1', 'LOW')
  on('normal 1', 'NORMAL')
  on('low 2', 'LOW')
  on('normal 2', 'NORMAL')
  router.on('system:startup', () => void seen.push('normal 3'), { service })
  await router.emitInOrder('system:startup', { generation: 1 })
  assert.deepEqual(seen, ['normal 1', 'normal 2', 'normal 3', 'low 1', 'low 2'])
})

test('only the handlers of that very name run', () => {
  const router = new EventRouter()
  for (const name of ['a:b', 'a:bc', 'a:*', '*', 'a']) add(router, name, () => name)
  assert.deepEqual(router.emit('a:b', {}), ['a:b'])
  assert.deepEqual(router.emit('a:c', {}), [])
  assert.deepEqual(router.emit('toString', {}), [])
})

test('null and undefined are no results; false, 0 and empty text are', () => {
  const router = new EventRouter()
  for (const result of [null, undefined, false, 0, '', { a: 1 }]) add(router, 'a', () => result)
  assert.deepEqual(router.emit('a', {}), [false, 0, '', { a: 1 }])
  assert.deepEqual(router.emit('unknown', {}), [])
})

test('an error counts only when no handler gave a result; then it is the first one', () => {
  const router = new EventRouter()
  const fail = (message: string) => (): never => {
    throw new Error(message)
  }
  add(router, 'a', fail('first'))
  add(router, 'a', fail('second'))
  add(router, 'a', () => null)
  assert.throws(() => router.emit('a', {}), /first/)
  add(router, 'a', () => 'result')
  assert.deepEqual(router.emit('a', {}), ['result'])
})

test('results come at once when every handler is synchronous, else as a promise with the same rules', async () => {
  const router = new EventRouter()
  add(router, 'late', async () => 'slow')
  add(router, 'late', () => 'quick')
  add(router, 'late', async () => Promise.reject(new Error('no')))
  add(router, 'late', async () => null)
  const results = router.emit('late', {})
  assert.ok(results instanceof Promise)
  assert.deepEqual(await results, ['slow', 'quick'])
  add(router, 'fails', async () => Promise.reject(new Error('late no')))
  await assert.rejects(async () => router.emit('fails', {}), /late no/)
})

test('the lifecycle waits for each handler and stops at the first error', async () => {
  const router = new EventRouter()
  const seen: string[] = []
  router.on(
    'system:startup',
    async () => {
      await new Promise(setImmediate)
      seen.push('first')
    },
    { service },
  )
  router.on('system:startup', () => void seen.push('second'), { service })
  await router.emitInOrder('system:startup', { generation: 1 })
  assert.deepEqual(seen, ['first', 'second'])
  router.on('system:startup', () => Promise.reject(new Error('no')), { service })
  router.on('system:startup', () => void seen.push('never'), { service, priority: eventPriority.LOW })
  await assert.rejects(router.emitInOrder('system:startup', { generation: 1 }), /no/)
  assert.deepEqual(seen, ['first', 'second', 'first', 'second'])
})

test('services are listed with what they handle', () => {
  const router = new EventRouter()
  router.add('a:x', spec, () => 1, 'a')
  router.add('b:x', spec, () => 1, 'b')
  router.on('completion:cancel', () => undefined, { service: 'a' })
  assert.deepEqual(router.services(), { a: ['a:x', 'completion:cancel'], b: ['b:x'] })
})

test('each result is shown to whoever inspects them, before it is given', async () => {
  const router = new EventRouter()
  const seen: unknown[] = []
  router.inspect = (event, result) => void seen.push([event, result])
  add(router, 'a', () => null)
  add(router, 'a', () => 1)
  void router.emit('a', {})
  add(router, 'b', async () => 2)
  await router.emit('b', {})
  assert.deepEqual(seen, [
    ['a', 1],
    ['b', 2],
  ])
})
