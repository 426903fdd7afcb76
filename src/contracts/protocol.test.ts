import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whoIsTooOld } from './protocol.ts'

test('two sides can talk when each is new enough for the other; else the older one is named', () => {
  const side = (protocol: number, oldest: number) => ({ protocol, oldest })
  assert.equal(whoIsTooOld(side(1, 1), side(1, 1)), null)
  assert.equal(whoIsTooOld(side(3, 2), side(2, 1)), null)
  assert.equal(whoIsTooOld(side(3, 3), side(2, 1)), 'theirs')
  assert.equal(whoIsTooOld(side(2, 1), side(3, 3)), 'ours')
})
