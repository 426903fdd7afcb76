import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventRouter, eventPriority } from './router.ts'

const service = 'test'

test('handlers run in order of priority, and of registration within one', () => {
  const router = new EventRouter()
  const add = (name: string, priority?: number): void =>
    router.on('a:b', () => name, priority === undefined ? { service } : { service, priority })
  add('normal 1')
  add('low', eventPriority.LOW)
  add('highest', eventPriority.HIGHEST)
  add('normal 2')
  add('high', eventPriority.HIGH)
  add('lowest', eventPriority.LOWEST)
  assert.deepEqual(router.emit('a:b', {}), ['highest', 'high', 'normal 1', 'normal 2', 'low', 'lowest'])
})

test('a pattern is a name, all, or as many segments as the name', () => {
  const cases: [string, string, boolean][] = [
    ['a:b', 'a:b', true],
    ['a:b', 'a:bc', false],
    ['*', 'a:b:c', true],
    ['a:*', 'a:b', true],
    ['a:*', 'a:b:c', false],
    ['a:*', 'a', false],
    ['*:b', 'a:b', true],
    ['a:*:c', 'a:b:c', true],
    ['a:*:c', 'a:b:d', false],
    ['a:b*', 'a:bc', false],
  ]
  for (const [pattern, event, fits] of cases) {
    const router = new EventRouter()
    router.on(pattern, () => 1, { service })
    assert.equal(router.has(event), fits, `${pattern} and ${event}`)
    assert.deepEqual(router.emit(event, {}), fits ? [1] : [], `${pattern} and ${event}`)
  }
})

test('null and undefined are no results; false, 0 and empty text are', () => {
  const router = new EventRouter()
  for (const result of [null, undefined, false, 0, '', { a: 1 }]) router.on('a', () => result, { service })
  assert.deepEqual(router.emit('a', {}), [false, 0, '', { a: 1 }])
  assert.deepEqual(router.emit('unknown', {}), [])
})

test('an error counts only when no handler gave a result; then it is the first one', () => {
  const router = new EventRouter()
  const fail = (message: string) => (): never => {
    throw new Error(message)
  }
  router.on('a', fail('first'), { service })
  router.on('a', fail('second'), { service })
  router.on('a', () => null, { service })
  assert.throws(() => router.emit('a', {}), /first/)
  router.on('a', () => 'result', { service })
  assert.deepEqual(router.emit('a', {}), ['result'])
})

test('results come at once when every handler is synchronous, else as a promise with the same rules', async () => {
  const router = new EventRouter()
  router.on('late', async () => 'slow', { service, priority: eventPriority.HIGH })
  router.on('late', () => 'quick', { service })
  router.on('late', async () => Promise.reject(new Error('no')), { service })
  router.on('late', async () => null, { service })
  const results = router.emit('late', {})
  assert.ok(results instanceof Promise)
  assert.deepEqual(await results, ['slow', 'quick'])
  router.on('fails', async () => Promise.reject(new Error('late no')), { service })
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
    { service, priority: eventPriority.HIGH },
  )
  router.on('system:startup', () => void seen.push('second'), { service })
  await router.emitInOrder('system:startup', {})
  assert.deepEqual(seen, ['first', 'second'])
  router.on('system:startup', () => Promise.reject(new Error('no')), { service, priority: eventPriority.HIGHEST })
  await assert.rejects(router.emitInOrder('system:startup', {}), /no/)
  assert.deepEqual(seen, ['first', 'second'])
})

test('services are listed with what they handle', () => {
  const router = new EventRouter()
  router.on('a:x', () => 1, { service: 'a' })
  router.on('b:x', () => 1, { service: 'b' })
  router.on('a:y', () => 1, { service: 'a' })
  assert.deepEqual(router.services(), { a: ['a:x', 'a:y'], b: ['b:x'] })
})
