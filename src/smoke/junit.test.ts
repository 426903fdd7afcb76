import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toJunit } from './junit.ts'
import type { Row, SmokeResult } from './smoke.ts'

const row: Row = {
  name: 'save',
  restartMs: 46,
  queued: { kept: 12, of: 12 },
  running: { kept: 4, of: 4 },
  told: 0,
  again: 0,
  faults: [],
  tookMs: 1_234,
}
const result: SmokeResult = {
  ok: false,
  kind: 'local',
  name: 'ksi-smoke-01234567',
  seed: 7,
  rows: [row, { ...row, name: 'runner', restartMs: null, faults: ['r-1 "<&>" \u0000\uD800', 'another'] }],
  skipped: ['stop'],
  faults: [],
  interrupted: false,
  evidence: '/tmp/ksi-smoke-failed-01234567',
  kept: null,
  tookMs: 5_000,
}

test('a report in JUnit form has a case for each scenario, its figures, what is wrong, and what was not played', () => {
  const text = toJunit(result, new Date('2026-11-25T03:00:00.123Z'))
  assert.match(text, /<testsuite name="ksi smoke \(local\)" tests="4" failures="1" errors="0" skipped="1" time="5.000"/)
  assert.match(text, /timestamp="2026-11-25T03:00:00"/)
  assert.match(text, /<testcase classname="ksi.smoke.local" name="save: a file is saved" time="1.234">/)
  assert.match(text, /restart 46 ms, queued kept 12 of 12, running kept 4 of 4, lost and told 0, run again 0/)
  assert.match(text, /<failure message="r-1 &quot;&lt;&amp;&gt;&quot; ��">.*\nanother<\/failure>/)
  assert.match(text, /name="stop: SIGTERM, and start" time="0.000"><skipped message="not played"\/>/)
  assert.match(text, /name="evidence" value="\/tmp\/ksi-smoke-failed-01234567"/)
})

test('what is wrong outside of the scenarios is a failure too', () => {
  const text = toJunit({ ...result, rows: [row], faults: ['left behind: 1 volumes'] }, new Date())
  assert.match(text, /name="starts, and leaves nothing behind" time="0.000"><failure message="left behind: 1 volumes">/)
  assert.match(text, /failures="1"/)
})
