import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newUuid } from './uuid.ts'

test('a UUID is one of version 7, is unlike any other, and grows with time', () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => newUuid(1_700_000_000_000 + n))
  for (const id of ids) assert.match(id, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(Array.from({ length: 1_000 }, () => newUuid())).size, 1_000)
  assert.equal(newUuid(0x0123456789ab).slice(0, 15), '01234567-89ab-7')
})
