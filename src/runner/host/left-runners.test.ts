import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../lib/log.ts'
import { birthOf } from '../../lib/birth-of.ts'
import { openChildRegister } from '../orphans.ts'
import { endLeftRunners } from './left-runners.ts'

test('runners that a host before has left are ended before anything starts, also when it is still ending', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-left-'))
  mkdirSync(dir, { recursive: true })
  const [left, own] = [0, 1].map(() => spawn('sleep', ['60']))
  assert.ok(left?.pid !== undefined && own?.pid !== undefined)
  const gone = Promise.all([once(left, 'exit'), once(own, 'exit')])
  writeFileSync(join(dir, `999999999_1_${left.pid}_${birthOf(left.pid)}`), '')
  writeFileSync(join(dir, `999999999_1_999999998_1`), '')
  openChildRegister(dir, silentLog()).add(own.pid)
  await endLeftRunners(dir, silentLog(), 100)
  await gone
  assert.deepEqual([left.signalCode, own.signalCode], ['SIGKILL', 'SIGKILL'])
  assert.deepEqual(readdirSync(dir), [])
  rmSync(dir, { recursive: true })
})

test('where there is no register there is nobody to end', () => endLeftRunners('/nonexistent/ksi', silentLog()))
