import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { eventSpecs } from './events.ts'
import type { EventSpec } from './events/spec.ts'
import { examplesOf } from './examples.ts'
import { unknownParameter } from './unknown-parameter.ts'

test('every event has an example that it would take', () => {
  for (const [event, spec] of Object.entries<EventSpec>(eventSpecs)) {
    const { required = [] } = z.toJSONSchema(spec.data, { io: 'input', unrepresentable: 'any' })
    const examples = examplesOf(event, spec.summary, required)
    assert.ok(examples.length > 0, event)
    for (const { description, data } of examples) {
      assert.ok(description.length > 0, event)
      assert.ok(spec.data.safeParse(data).success, `${event} ${JSON.stringify(data)}`)
      assert.equal(unknownParameter(event, spec.data, data), undefined)
    }
  }
})
