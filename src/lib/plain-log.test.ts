import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'
import { createPlainLog } from './plain-log.ts'

test('its lines are those of the log library', () => {
  const lines: string[] = []
  const error = Object.assign(new Error('broken'), { stack: 'Error: broken' })
  const write = (line: string): void => void lines.push(line)
  createPlainLog('host', 'info', write).error({ runner: 'r', err: error }, 'went down')
  createLog('host', 'info', { write }).error({ runner: 'r', err: error }, 'went down')
  const [plain, library] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual({ ...plain, time: 0 }, { ...library, time: 0 })
})

test('what is below its level is not written, and a reader that is gone is no error', () => {
  const log = createPlainLog('host', 'warn', () => {
    throw new Error('EPIPE')
  })
  log.info({}, 'not written')
  log.warn({}, 'nobody reads it')
})
