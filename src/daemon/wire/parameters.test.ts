import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { eventSpec, eventSpecs, pushSpecs } from '../../contracts/events.ts'
import type { Parameter } from '../../contracts/events/discovery.ts'
import type { EventSpec } from '../../contracts/events/spec.ts'
import { parametersOf } from './parameters.ts'

function parameter(event: string, name: string): Parameter | undefined {
  const spec = eventSpec(event)
  return spec && parametersOf(spec.data)[name]
}

test("every type is a word KSI's command line reads as meant", () => {
  // It looks for bool, int, float, list, dict within the text, in this order: a type must hold no word it does not
  // mean.
  const legal = new Set(['str', 'int', 'float', 'bool', 'list', 'dict', 'Any'])
  const schemas: [string, z.ZodType][] = [
    ...Object.entries<EventSpec>(eventSpecs).flatMap(([event, { data, reply }]): [string, z.ZodType][] => [
      [event, data],
      [event, reply()],
    ]),
    ...Object.entries(pushSpecs).map(([event, { data }]): [string, z.ZodType] => [event, data()]),
  ]
  for (const [event, schema] of schemas)
    for (const [name, { type }] of Object.entries(parametersOf(schema)))
      assert.ok(legal.has(type), `${event} ${name}: ${type}`)
})

test('types follow from the schema', () => {
  const expected: [string, string, string][] = [
    ['completion:async', 'prompt', 'str'],
    ['completion:async', 'messages', 'list'],
    ['completion:async', 'session_id', 'str'],
    ['completion:async', 'temperature', 'float'],
    ['completion:async', 'max_tokens', 'int'],
    ['completion:async', 'timeout_ms', 'int'],
    ['completion:async', 'on_restart', 'str'],
    ['completion:async', 'extra_body', 'dict'],
    ['completion:wait', 'timeout_ms', 'int'],
    ['monitor:subscribe', 'event_patterns', 'list'],
    ['monitor:subscribe', 'since', 'int'],
    ['system:discover', 'detail', 'bool'],
    ['dev:checkpoint', 'action', 'str'],
    ['dev:checkpoint', 'checkpoint', 'int'],
    ['dev:checkpoint', 'against', 'int'],
  ]
  for (const [event, name, type] of expected) assert.equal(parameter(event, name)?.type, type, `${event} ${name}`)
})

test('what must be given, what is taken otherwise and what is allowed are told', () => {
  assert.deepEqual(parameter('completion:cancel', 'request_id'), {
    type: 'str',
    required: true,
    description: 'the request',
  })
  assert.deepEqual(parameter('completion:wait', 'timeout_ms'), {
    type: 'int',
    required: false,
    description: 'time limit in ms',
    default: 30_000,
  })
  assert.deepEqual(parameter('monitor:subscribe', 'event_patterns')?.default, ['*'])
  assert.deepEqual(parameter('completion:async', 'on_restart')?.allowed_values, ['fail', 'requeue'])
  const action = parameter('dev:checkpoint', 'action')
  assert.equal(action?.default, 'create')
  assert.ok(action.allowed_values?.includes('list_requests'))
  assert.equal(
    Object.values(parametersOf(eventSpecs['completion:async'].data)).some(({ required }) => required),
    false,
  )
})

test('of several objects the fields of all are told, and as required those that every one has', () => {
  const fields = parametersOf(
    z.union([
      z.object({ status: z.literal('a'), n: z.number() }),
      z.discriminatedUnion('status', [
        z.object({ status: z.literal('b'), why: z.string() }),
        z.object({ status: z.literal('c'), n: z.number().optional() }),
      ]),
    ]),
  )
  assert.deepEqual(
    Object.entries(fields).map(([name, { type, required }]) => [name, type, required]),
    [
      ['status', 'str', true],
      ['n', 'float', false],
      ['why', 'str', false],
    ],
  )
})
