import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { makeSlowDisk } from '../testing/slow-disk.ts'
import { Child } from './child.ts'
import { describeEnd } from './child-end.ts'
import type { ChildOptions } from './child.ts'
import { KeptChild } from './kept-child.ts'

let dir: string
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-child-'))
})
after(() => rmSync(dir, { recursive: true, force: true }))

function program(code: string): string {
  const path = join(dir, `${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(path, code)
  return path
}

function start(code: string, options: Partial<ChildOptions> = {}): Child {
  return new Child(program(code), { env: {}, onLine: () => {}, ...options })
}

const waits = 'setInterval(() => {}, 1_000);'

test('what it prints comes line by line, and the end of its stderr says why it died', async () => {
  const lines: string[] = []
  const child = start("console.log('one\\ntwo'); throw new Error('broken')", { onLine: (line) => lines.push(line) })
  const end = await child.ended
  assert.deepEqual(lines.slice(0, 2).sort(), ['one', 'two'])
  assert.deepEqual([end.code, end.killedFromOutside, child.alive, describeEnd(end)], [1, false, false, 'exit code 1'])
  assert.match(end.stderr, /Error: broken/)
})

test('a kill from outside is told from our own', async () => {
  const ours = start(waits)
  ours.kill()
  assert.deepEqual([(await ours.ended).signal, (await ours.ended).killedFromOutside], ['SIGKILL', false])
  const other = start(waits)
  process.kill(other.pid ?? 0, 'SIGKILL')
  assert.equal((await other.ended).killedFromOutside, true)
})

test('one that somebody had stopped, or debugged, did not end by itself, whoever killed it', async () => {
  const stopped = start(waits)
  await delay(100)
  stopped.signal('SIGSTOP')
  await delay(50)
  stopped.kill()
  assert.equal((await stopped.ended).killedFromOutside, process.platform === 'linux')
  const listening = Promise.withResolvers<string>()
  const onLine = (line: string): void => listening.resolve(/ws:\S+/.exec(line)?.[0] ?? '')
  const debugged = start(`setTimeout(() => { throw new Error('at a breakpoint') }, 700); ${waits}`, {
    execArgv: ['--inspect=0'],
    onLine,
  })
  const debug = new WebSocket(await listening.promise)
  await once(debug, 'open')
  setTimeout(() => debug.close(), 900)
  assert.equal((await debugged.ended).debugged, true)
})

test('one that cannot be started has ended', async () => {
  const child = new Child(join(dir, 'nothing.mjs'), { env: {}, onLine: () => {}, execArgv: [] })
  assert.equal((await child.ended).code, 1)
  child.send({ type: 'anything' })
})

test('ready in time is fine; an end, or silence, before that is an error that says so, and kills it', async () => {
  const ready = Promise.withResolvers<void>()
  const good = start(`process.send({ type: 'ready' }); ${waits}`, { onMessage: () => ready.resolve() })
  await good.readyWithin(10_000, ready.promise, 'the thing')
  const never = new Promise<void>(() => {})
  await assert.rejects(good.readyWithin(50, never, 'the thing'), /the thing was not ready within 50 ms/)
  await good.ended
  const bad = start("throw new Error('not today')")
  const error = await bad.readyWithin(10_000, never, 'the thing').catch((reason: unknown) => reason)
  assert.match(String(error), /the thing did not start: exit code 1/)
  assert.match((error as Error).stack ?? '', /not today/)
})

test('it is asked to end, and killed when it does not', async () => {
  const polite = start(`process.on('message', () => process.exit(0)); process.send('here'); ${waits}`, {
    onMessage: () => polite.send({ type: 'end' }),
  })
  assert.equal((await polite.endWithin(10_000)).code, 0)
  assert.equal((await start(waits).endWithin(50)).signal, 'SIGKILL')
})

test('the heartbeat is silent about one that answers, and tells once of one that was stopped', async () => {
  let silent = 0
  const stopped = Promise.withResolvers<void>()
  const child = start("process.on('message', () => process.send({ type: 'pong' })); process.send('here')", {
    onMessage: (message) => {
      if (message === 'here') watch()
    },
  })
  const watch = (): void => {
    child.watchHeartbeat(500, () => {
      silent += 1
      stopped.resolve()
    })
    setTimeout(() => {
      assert.equal(silent, 0)
      child.signal('SIGSTOP')
    }, 1_200)
  }
  await stopped.promise
  child.kill()
  await child.ended
  assert.equal(silent, 1)
})

test('whoever waits for the disk is waited for; whoever waits for himself, or loops, is not', async (t) => {
  using disk = makeSlowDisk()
  if (disk === undefined) return t.skip('there is no C compiler to make a slow disk with')
  disk.takes(1_500)
  mkdirSync(join(dir, 'var/db'), { recursive: true })
  const file = join(dir, 'var/db/file')
  const sync = `import { fdatasyncSync, openSync } from 'node:fs'; fdatasyncSync(openSync('${file}', 'w'));`
  const hangs = 'for (;;) {}'
  const waitsForItself = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
  for (const then of [hangs, waitsForItself]) {
    const begun = performance.now()
    const synced = Promise.withResolvers<number>()
    const child = start(`${sync} process.send('synced'); setImmediate(() => { ${then} })`, {
      env: disk.env,
      onMessage: () => synced.resolve(performance.now() - begun),
    })
    const silent = Promise.withResolvers<number>()
    child.watchHeartbeat(500, () => silent.resolve(performance.now() - begun))
    await delay(700)
    assert.equal(child.waitsForDisk, true)
    assert.ok((await synced.promise) > 1_500)
    assert.ok((await silent.promise) > (await synced.promise), 'silent only when it hung')
    assert.equal(child.waitsForDisk, false)
    child.kill()
    await child.ended
  }
})

test('CPU time tells one that loops from one that waits', { skip: process.platform !== 'linux' }, async () => {
  const began = Promise.withResolvers<void>()
  const child = start("process.send('here'); for (;;) {}", { onMessage: () => began.resolve() })
  await began.promise
  const before = child.cpuMs ?? 0
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok((child.cpuMs ?? 0) > before)
  child.signal('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const stopped = child.cpuMs
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(child.cpuMs, stopped)
  child.kill()
  await child.ended
  assert.equal(child.cpuMs, undefined)
})

test('a kept one is started again whenever it ends, until it is stopped', async () => {
  const ends: (number | null)[] = []
  const third = Promise.withResolvers<void>()
  const kept = new KeptChild({
    path: program('process.exit(3)'),
    env: {},
    onLine: () => {},
    onEnd: (end) => {
      ends.push(end.code)
      if (ends.length === 3) third.resolve()
      return 0
    },
  })
  kept.start()
  await third.promise
  await kept.stop(1_000)
  const count = ends.length
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(ends.length, count)
  assert.ok(ends.every((code) => code === 3))
})

test('a kept one that is replaced is not taken for one that crashed', async () => {
  const said: string[] = []
  const twice = Promise.withResolvers<void>()
  const kept = new KeptChild({
    path: program(`console.log('here'); ${waits}`),
    env: {},
    onLine: (line) => {
      said.push(line)
      if (said.length === 1) void kept.restart(1_000)
      else twice.resolve()
    },
    onEnd: () => assert.fail('it did not end by itself'),
  })
  kept.start()
  await twice.promise
  await kept.stop(1_000)
})

test('at a breakpoint no heartbeat applies, and it does again when the debugger has gone', async () => {
  const listening = Promise.withResolvers<string>()
  const child = start(`setTimeout(() => { debugger }, 300); ${waits} process.on('message', () => process.send(1))`, {
    execArgv: ['--inspect=0'],
    onLine: (line) => listening.resolve(/ws:\S+/.exec(line)?.[0] ?? ''),
  })
  let silent = 0
  child.watchHeartbeat(500, () => {
    silent += 1
    child.kill()
  })
  const debug = new WebSocket(await listening.promise)
  await once(debug, 'open')
  debug.send(JSON.stringify({ id: 1, method: 'Debugger.enable' }))
  await delay(2_000)
  assert.deepEqual([silent, child.debugged, child.alive], [0, true, true])
  debug.send(JSON.stringify({ id: 2, method: 'Debugger.resume' }))
  await delay(300)
  debug.close()
  await once(debug, 'close')
  child.signal('SIGSTOP')
  await child.ended
  assert.deepEqual([silent, child.debugged], [1, false])
})

test('the inspector of a child is opened when it is asked for, also in code that never comes back', async () => {
  const inLoop = Promise.withResolvers<void>()
  const child = start(`console.log('loops'); setTimeout(() => { for (;;); })`, { onLine: () => inLoop.resolve() })
  await inLoop.promise
  const port = await child.inspectorPort()
  assert.equal(await child.inspectorPort(), port)
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { title: string }[]
  assert.match(target?.title ?? '', /\.mjs/)
  child.kill()
  await child.ended
  const gone = start('process.exit()')
  await gone.ended
  assert.equal(await gone.inspectorPort(), undefined)
})
