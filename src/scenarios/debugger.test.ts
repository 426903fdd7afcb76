import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../testing/free-port.ts'
import { Debugger } from '../testing/debugger.ts'
import { Ksi } from '../testing/ksi.ts'
import { saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { makeProject } from '../testing/project.ts'

/** The default limits and a breakpoint of 20 s, four times as fast. */
const limits = { KSI_HEARTBEAT_MS: '1250', KSI_BOOT_TIMEOUT_MS: '2500', KSI_PROBATION_MS: '1500' }
const standsMs = 5_000

test('a debugger at one port is in the live generation, over saves and a crash', { timeout: 60_000 }, async () => {
  const port = await freePort()
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_INSPECT_PORT: String(port), KSI_HEARTBEAT_MS: '1000' })
  let debug = await Debugger.attach(port)
  assert.equal(await debug.evaluate('process.pid'), await ksi.livePid())
  for (const save of [1, 2]) {
    saveNumber(project, save)
    await debug.closed
    debug = await Debugger.attach(port)
    await untilSave(ksi, save)
    assert.equal(await debug.evaluate('process.pid'), await ksi.livePid())
  }
  // An endless loop, which no heartbeat ends while somebody looks into it.
  await debug.evaluate('setTimeout(() => { globalThis.on = true; while (globalThis.on); }, 10), 1')
  await delay(1_500)
  await debug.send('Debugger.pause')
  await debug.next('Debugger.paused')
  await debug.evaluate('globalThis.on = false')
  await debug.send('Debugger.resume')
  process.kill(await ksi.livePid(), 'SIGKILL')
  await debug.closed
  using last = await Debugger.attach(port)
  assert.equal(await last.evaluate('process.pid'), await ksi.livePid())
  const { crashes, generation } = await ksi.status()
  assert.deepEqual([crashes, generation], [1, 4])
})

test(
  'a breakpoint in accept and a save meanwhile: nothing killed, blamed or rolled back, all done once',
  { timeout: 60_000 },
  async () => {
    const port = await freePort()
    using project = makeProject({ changesReplies: true })
    await using ksi = await Ksi.start(project, { KSI_INSPECT_PORT: String(port), ...limits })
    using client = await ksi.client()
    const lineNumber = project
      .read('src/daemon/completion/accept.ts')
      .split('\n')
      .findIndex((line) => line.includes('core.requests.accept({'))
    const stopInAccept = async (): Promise<Debugger> => {
      const debug = await Debugger.attach(port)
      await debug.send('Debugger.setBreakpointByUrl', { urlRegex: 'completion/accept\\.ts$', lineNumber })
      return debug
    }
    const answered: unknown[] = []
    const send = async (request_id: string): Promise<void> => {
      const reply = await client.request('completion:async', { prompt: 'hello', request_id })
      answered.push(reply.request_id)
    }
    const first = await stopInAccept()
    const sent = [send('at-the-first')]
    await first.next('Debugger.paused')
    saveNumber(project, 1)
    await delay(standsMs)
    const standing = await ksi.status()
    assert.deepEqual(
      [standing.debugged, standing.generation, standing.crashes, standing.failed_swaps, standing.problem, answered],
      [true, 1, 0, 0, null, []],
    )
    await first.send('Debugger.resume')
    await first.closed
    // The new code is on probation, and stands still at once.
    using second = await stopInAccept()
    sent.push(send('at-the-second'))
    await second.next('Debugger.paused')
    await delay(standsMs)
    await second.send('Debugger.resume')
    await Promise.all(sent)
    assert.deepEqual(answered, ['at-the-first', 'at-the-second'])
    await untilSave(ksi, 1)
    const after = await ksi.status()
    assert.deepEqual([after.generation, after.crashes, after.failed_swaps, after.last_failure], [2, 0, 0, null])
    assert.deepEqual(after.poison, [])
    for (const request_id of ['at-the-first', 'at-the-second']) {
      const told = await client.request('completion:wait', { request_id })
      assert.equal(told.status, 'completed')
    }
    const runs = await ksi.runsByRequest()
    assert.deepEqual([runs.get('at-the-first'), runs.get('at-the-second')], [1, 1])
    assert.equal(ksi.log.filter(({ msg }) => String(msg).includes('booted once more')).length, 0)
  },
)

test('what ends while somebody looks into it is booted again: no code is blamed', { timeout: 60_000 }, async () => {
  const port = await freePort()
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_INSPECT_PORT: String(port) })
  saveNumber(project, 1)
  await untilSave(ksi, 1)
  const debug = await Debugger.attach(port)
  await ksi.untilStatus(({ debugged }) => debugged)
  void debug.evaluate('process.exit(1)')
  // Node waits until nobody looks any more, and editors leave when they hear this.
  await debug.next('Runtime.executionContextDestroyed')
  debug[Symbol.dispose]()
  const after = await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  assert.deepEqual([after.failed_swaps, after.last_failure, after.poison, after.crashes], [0, null, [], 1])
  assert.ok((await untilSave(ksi, 1)) < 5_000, 'the same code, and not that of before')
})

test('a port for debuggers that is taken ends the start with a sentence, and leaves nothing behind', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  const address = squatter.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  using project = makeProject()
  const ksi = Ksi.launch(project, { KSI_INSPECT_PORT: String(port) })
  assert.equal(await ksi.exited, 75)
  assert.match(ksi.output(), /where debuggers attach, is in use.* or set KSI_INSPECT_PORT to a free one/)
  squatter.close()
  await using again = await Ksi.start(project)
  assert.equal((await again.status()).generation, 1)
})
