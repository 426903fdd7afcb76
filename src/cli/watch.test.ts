import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { promisify } from 'node:util'
import type { BootFailure } from '../contracts/control.ts'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { startKsi } from './testing/run-ksi.ts'

let dir: string
let path: string
let daemon: FakeDaemon

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
  path = join(dir, 'daemon.sock')
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(async () => {
  daemon = await new FakeDaemon({ path }).start()
})
afterEach(() => daemon.stop())

const failure: BootFailure = {
  boot_id: 'b',
  cause: 'save',
  files: ['src/daemon/x.ts'],
  phase: 'import',
  error: { message: 'SyntaxError: x' },
  at: 1,
}

test('watch tells events as they come, over a restart, and ends with 0 on Ctrl-C', async () => {
  daemon.emit('completion:queued', {
    request_id: 'old',
    conversation: 'c1',
    session_id: null,
    agent_id: null,
    priority: 'ASYNC',
    model: 'echo/echo',
  })
  const watch = startKsi(['watch', '--since', '0', '--socket', path])
  await watch.until('stdout', /completion:queued +old/)
  await daemon.stop()
  await watch.until('stderr', /connection is lost/)
  daemon.emit('system:reloaded', {
    generation: 8,
    cause: 'save',
    files: ['src/x.ts'],
    total_ms: 46,
    phases: {},
    restored: { queued: 12, adopted: 3, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 },
    previous_end: 'handover',
  })
  await daemon.start()
  await watch.until('stdout', /generation 8 is live after 46 ms \(src\/x\.ts\): 12 queued, 3 running on, 0 lost/)
  daemon.emit('system:reload_failed', {
    ...failure,
    files: ['src/y.ts'],
    error: { message: 'SyntaxError: y' },
  })
  await watch.until('stdout', /system:reload_failed +src\/y\.ts: SyntaxError: y; the old code serves on/)
  await watch.until('stderr', /connected again/)
  watch.child.kill('SIGINT')
  const { code, stdout } = await watch.ended
  assert.equal(code, 0)
  assert.equal(stdout.trimEnd().split('\n').length, 3)
})

test('watch --json writes the pushes, a line each, of the patterns asked for', async () => {
  daemon.emitAny('a:one')
  daemon.emitAny('b:two', { n: 2 })
  const watch = startKsi(['watch', '--json', '--since', '0', 'b:*', '--socket', path])
  await watch.until('stdout', /\n/)
  watch.child.kill('SIGTERM')
  const { code, stdout } = await watch.ended
  assert.equal(code, 0)
  const push = JSON.parse(stdout)
  assert.deepEqual([push.event, push.seq, push.data], ['b:two', 2, { n: 2 }])
})

test('watch ends when what it is piped into has ended, also when nothing more happens', async () => {
  for (let n = 0; n < 3; n++) daemon.emitAny('a:one', { n })
  const program = join(import.meta.dirname, 'ksi.js')
  const pipe = `'${process.execPath}' '${program}' watch --since 0 --socket '${path}' | head -3`
  const lines = await promisify(execFile)('sh', ['-c', pipe], { timeout: 10_000, env: {} })
  assert.equal(lines.stdout.trimEnd().split('\n').length, 3)
})
