import assert from 'node:assert/strict'
import { z } from 'zod'
import { eventSpec, pushSpec } from '../contracts/events.ts'
import { errorData } from '../contracts/wire.ts'
import { isObject } from '../lib/ndjson.ts'

/**
 * Fails unless a value is exactly what a schema says: nothing missing, nothing of another type, and, unlike a plain
 * `parse`, no key at any depth that the schema does not name.
 */
function assertFits(schema: z.ZodType, value: unknown, what: string): void {
  const sent: unknown = JSON.parse(JSON.stringify(value))
  const parsed = schema.safeParse(sent)
  assert.ok(
    parsed.success,
    `${what} breaks the contract: ${parsed.error && z.prettifyError(parsed.error)}\n${JSON.stringify(sent)}`,
  )
  assert.deepEqual(sent, JSON.parse(JSON.stringify(parsed.data)), `${what} has keys the contract does not name`)
}

let isOtherCode = false

/** What is tested from now on is other code, with a contract of its own: nothing is held to this one. */
export function testsOtherCode(): void {
  isOtherCode = true
}

/** Whether what is tested is this code. */
export function isOurCode(): boolean {
  return !isOtherCode
}

/** Fails unless this is a reply the contract knows for the event. Events of modules are not in it. */
export function assertReply(event: string, reply: unknown): void {
  if (isOtherCode) return
  const spec = eventSpec(event)
  if (isObject(reply) && reply['status'] === 'error') assertFits(errorData(), reply, `the error of ${event}`)
  else if (spec !== undefined) assertFits(spec.reply(), reply, `the reply to ${event}`)
}

/** Fails unless the contract knows this push. Those of modules are not in it. */
export function assertPush(name: string, data: unknown): void {
  if (isOtherCode) return
  const spec = pushSpec(name)
  if (spec !== undefined) assertFits(spec.data(), data, name)
}
