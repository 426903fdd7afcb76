import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runKsi, startKsi } from './testing/run-ksi.ts'
import type { Ended } from './testing/run-ksi.ts'

let root: string
let file: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-logs-'))
  file = join(root, 'var/logs/daemon.log')
})
after(() => rmSync(root, { recursive: true, force: true }))

const ksi = (...args: string[]): Promise<Ended> => runKsi(['logs', '--root', root, ...args], { env: { TZ: 'UTC' } })
const line = (msg: string, time = 0): string => `${JSON.stringify({ level: 30, time, name: 'daemon', msg })}\n`

test('logs tells the last lines with their dates, those of one generation, and follows over a new file', async () => {
  const none = await ksi()
  assert.deepEqual([none.code, none.stderr.includes('There is no log')], [1, true])
  mkdirSync(join(root, 'var/logs'), { recursive: true })
  writeFileSync(
    file,
    line('generation 1 is live after 5 ms') +
      line('one') +
      'printed by somebody\n' +
      line('generation 2 is live after 5 ms') +
      line('two \u001b[2J'),
  )
  assert.equal((await ksi('--lines', '1')).stdout, '[1970-01-01 00:00:00.000] INFO: daemon: two [2J\n')
  const first = (await ksi('--boot', '1')).stdout.trimEnd().split('\n')
  assert.deepEqual(first.slice(1), ['[1970-01-01 00:00:00.000] INFO: daemon: one', 'printed by somebody'])
  assert.equal(JSON.parse((await ksi('--json', '--lines', '1')).stdout).msg, 'two \u001b[2J')
  assert.equal((await ksi('--boot', '3')).stdout, '')
  assert.equal((await ksi('--boot', 'last')).code, 64)
  const following = startKsi(['logs', '--follow', '--root', root, '--lines', '1'], { env: { TZ: 'UTC' } })
  await following.until('stdout', /two/)
  appendFileSync(file, line('more'))
  await following.until('stdout', /more/)
  renameSync(file, `${file}.1`)
  writeFileSync(file, line('a new file'))
  await following.until('stdout', /a new file/)
  following.child.kill('SIGINT')
  const { code, stdout } = await following.ended
  assert.equal(code, 0)
  assert.match(stdout, /more\n.*a new file\n$/)
})
