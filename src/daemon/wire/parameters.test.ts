import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSpec, eventSpecs } from '../../contracts/events.ts'
import type { EventSpec } from '../../contracts/events.ts'
import { parametersOf } from './parameters.ts'
import type { Parameter } from './parameters.ts'

function parameter(event: string, name: string): Parameter | undefined {
  const spec = eventSpec(event)
  return spec && parametersOf(spec)[name]
}

test("every type is a word KSI's command line reads as meant", () => {
  // It looks for bool, int, float, list, dict within the text, in this order: a type must hold no word it does not
  // mean.
  const legal = new Set(['str', 'int', 'float', 'bool', 'list', 'dict', 'Any'])
  for (const [event, spec] of Object.entries<EventSpec>(eventSpecs))
    for (const [name, { type }] of Object.entries(parametersOf(spec)))
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
    Object.values(parametersOf(eventSpecs['completion:async'])).some(({ required }) => required),
    false,
  )
})
