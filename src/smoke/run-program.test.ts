import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from './run-program.ts'

const node = (code: string): [string, string[]] => [process.execPath, ['-e', code]]

test('gives what a program printed; one that fails is told with what it printed', async () => {
  assert.equal(await runProgram(...node('console.log(1); console.error(2)'), { timeoutMs: 10_000 }), '1\n2\n')
  await assert.rejects(runProgram(...node("console.error('why'); process.exit(3)"), { timeoutMs: 10_000 }), {
    message: /failed \(3\): why$/,
  })
  await assert.rejects(runProgram('no-such-program', [], { timeoutMs: 10_000 }), { code: 'ENOENT' })
})

test('ends a program that takes too long, and one whose signal aborts; the terminal does not reach it', async () => {
  const forever = 'setInterval(() => {}, 1000)'
  await assert.rejects(runProgram(...node(forever), { timeoutMs: 300 }), { message: /did not end within 0.3 s/ })
  const controller = new AbortController()
  const running = runProgram(...node(forever), { timeoutMs: 10_000, signal: controller.signal })
  setTimeout(() => controller.abort(new Error('ended by SIGINT')), 100)
  await assert.rejects(running, { message: 'ended by SIGINT' })
  await assert.rejects(runProgram(...node(''), { timeoutMs: 1_000, signal: controller.signal }), /ended by SIGINT/)
  const group = "console.log(require('fs').readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[2])"
  const own = await runProgram(...node(`console.log(process.pid); ${group}`), { timeoutMs: 10_000 })
  if (process.platform !== 'linux') return
  const [pid, leader] = own.split('\n')
  assert.equal(pid, leader, 'it leads a process group of its own')
})
