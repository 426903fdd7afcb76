import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeFrame, encodeFrame, frameToFront, frameToGeneration } from './relay.ts'
import type { Frame } from './relay.ts'

const json = fc.json().map((text) => text.replaceAll('\n', ' '))
const number = fc.nat()
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    kind: fc.constant('C' as const),
    connection: number,
    info: fc.record({ transport: fc.constantFrom('unix' as const, 'tcp' as const), connected_at: number }),
  }),
  fc.record({ kind: fc.constantFrom('S' as const, 'P' as const), connection: number, seq: number, json }),
  fc.record({
    kind: fc.constant('Q' as const),
    connection: number,
    relay: number,
    again: fc.boolean(),
    eventId: fc.string().map((id) => encodeURIComponent(id.toWellFormed())),
    json,
  }),
  fc.record({ kind: fc.constantFrom('X' as const, 'Z' as const, 'W' as const), connection: number }),
  fc.record({ kind: fc.constant('R' as const), connection: number, relay: number, json }),
  fc.record({ kind: fc.constant('T' as const), connection: number, relay: number }),
  fc.record({ kind: fc.constant('U' as const), connection: number, seq: fc.integer({ min: -1 }) }),
)

test('what is encoded is decoded as it was, and is what the schema says', () => {
  fc.assert(
    fc.property(frame, (one) => {
      const decoded = decodeFrame(encodeFrame(one))
      assert.deepEqual(decoded, { ...one, ...(one.kind === 'C' ? { info: { ...one.info } } : {}) })
      const schema = 'RTPU'.includes(one.kind) ? frameToFront() : frameToGeneration()
      assert.deepEqual(schema.parse(decoded), decoded)
    }),
  )
})

test('the letters and their fields stay as they are: a supervisor outlives many generations', () => {
  const lines: [string, Frame][] = [
    [
      'C 1 {"transport":"unix","connected_at":5}',
      { kind: 'C', connection: 1, info: { transport: 'unix', connected_at: 5 } },
    ],
    ['S 1 7 {"a": 1}', { kind: 'S', connection: 1, seq: 7, json: '{"a": 1}' }],
    ['Q 1 2 1 e%201 {"a": 1}', { kind: 'Q', connection: 1, relay: 2, again: true, eventId: 'e%201', json: '{"a": 1}' }],
    ['X 1', { kind: 'X', connection: 1 }],
    ['Z 1', { kind: 'Z', connection: 1 }],
    ['W 1', { kind: 'W', connection: 1 }],
    ['R 1 2 {"a": 1}', { kind: 'R', connection: 1, relay: 2, json: '{"a": 1}' }],
    ['T 1 2', { kind: 'T', connection: 1, relay: 2 }],
    ['P 1 7 {"a": 1}', { kind: 'P', connection: 1, seq: 7, json: '{"a": 1}' }],
    ['U 1 -1', { kind: 'U', connection: 1, seq: -1 }],
  ]
  for (const [line, one] of lines) {
    assert.equal(encodeFrame(one), line)
    assert.deepEqual(decodeFrame(line), one)
  }
})

test('a letter nobody knows, and a line without its connection, is no frame', () => {
  for (const line of ['', 'B 1 2 {}', 'b', 'P', 'P  1', 'hello']) assert.equal(decodeFrame(line), undefined, line)
})
