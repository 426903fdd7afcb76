import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSpec } from '../contracts/events.ts'
import { fromRunnerHost } from '../contracts/runner-host.ts'
import { fromRunnerLine } from '../contracts/runner.ts'
import { firstWords } from './rehearsal.ts'

test('what is rehearsed is what is said: every part of it is read', () => {
  for (const words of firstWords.host) assert.deepEqual(fromRunnerHost.parse(words), words)
  for (const words of firstWords.runner) assert.deepEqual(fromRunnerLine.parse(words), words)
  for (const [event, data] of firstWords.clients) assert.ok(eventSpec(event)?.data.safeParse(data).success, event)
})
