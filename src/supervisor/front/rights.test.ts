import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSpec } from '../../contracts/events.ts'
import { readingEvents } from './rights.ts'
import { answerAll, openFront } from './testing/front-harness.ts'

const token = 'a secret of some length'
const readingToken = 'another secret of some length'
const changing = [
  'completion:async',
  'completion:inject',
  'completion:cancel',
  'dev:checkpoint',
  'dev:restore',
  'system:reload',
  'system:shutdown',
  'no:such_event',
]

test('the events that can be read are events, and change nothing', () => {
  for (const name of readingEvents) {
    const spec = eventSpec(name)
    assert.ok(spec !== undefined, name)
    assert.notEqual(spec.mutates, true, name)
  }
  for (const name of ['system:reload', 'system:shutdown']) assert.ok(!readingEvents.has(name))
})

for (const [name, tokens] of [
  ['where a token is asked for', { token, readingToken }],
  ['where TCP is open', { readingToken }],
] as const) {
  test(`whoever shows the reading token can change nothing, ${name}`, async () => {
    await using h = await openFront(tokens)
    const generation = await h.generation()
    h.front.attach(generation.stream)
    answerAll(generation)
    const reader = await h.client('tcp')
    reader.send({ event: 'completion:status', _token: readingToken, correlation_id: 'first' })
    assert.equal((await reader.inbox.next())['correlation_id'], 'first')
    for (const event of changing) {
      const reply = await reader.ask(event, { prompt: 'x' })
      assert.deepEqual((reply['data'] as Record<string, unknown>)['code'], 'KSI_UNAUTHORIZED', event)
    }
    assert.deepEqual((await reader.ask('completion:status'))['data'], { ok: true }, 'the connection goes on')
    assert.deepEqual(
      generation.requests().map(({ json }) => JSON.parse(json).event),
      ['completion:status', 'completion:status'],
    )
    assert.deepEqual(h.answered, [])
  })

  test(`the reading token stays one after a first line that is wrong, or another token later, ${name}`, async () => {
    await using h = await openFront(tokens)
    const generation = await h.generation()
    h.front.attach(generation.stream)
    answerAll(generation)
    const reader = await h.client('tcp')
    reader.send({ event: 5, _token: readingToken })
    assert.match(String((await reader.inbox.next())['error']), /Invalid event name/)
    reader.send({ event: 'completion:async', _token: token, correlation_id: 1 })
    const { data } = await reader.inbox.next((line) => line['correlation_id'] === 1)
    assert.equal((data as Record<string, unknown>)['code'], 'KSI_UNAUTHORIZED')
    assert.equal(generation.requests().length, 0)
  })
}
