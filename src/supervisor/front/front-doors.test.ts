import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../lib/log.ts'
import { answerAll, isRequest, openFront } from './testing/front-harness.ts'
import { startFront } from './front.ts'
import type { FrontOptions } from './front.ts'

test('answers the events of the supervisor always, and system:health only while no generation is live', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  const client = await h.client()
  assert.deepEqual((await client.ask('system:health'))['data'], { status: 'restarting' })
  h.front.attach(generation.stream)
  await client.ask('system:reload', { why: 1 })
  client.send({ event: 'system:health' })
  await generation.frames.next(isRequest)
  h.front.hold()
  await client.ask('system:health')
  assert.deepEqual(
    h.answered.map((one) => one.event),
    ['system:health', 'system:reload', 'system:health'],
  )
  assert.deepEqual(h.answered[1]?.data, { why: 1 })
})

test('turns what an answer throws into a data error', async () => {
  await using h = await openFront({
    answer: () => Promise.reject(Object.assign(new Error('no such thing'), { code: 'KSI_NOT_FOUND' })),
  })
  const client = await h.client()
  const reply = await client.ask('supervisor:status')
  assert.deepEqual(reply['data'], { status: 'error', error: 'no such thing', code: 'KSI_NOT_FOUND' })
  assert.equal('error' in reply, false)
})

test('says what is wrong with a line and stays open', async () => {
  await using h = await openFront()
  const client = await h.client()
  const wrong: [string, RegExp][] = [
    ['nonsense', /^Invalid JSON: /],
    ['', /^Invalid JSON: the line is empty/],
    ['[1]', /^Invalid JSON: /],
    ['{"data":{}}', /^Missing event name$/],
    ['{"event":""}', /^Missing event name$/],
    ['{"event":7}', /^Invalid event name/],
    ['{"event":"a","data":[]}', /^Invalid data for a/],
    ['{"event":"a","data":null}', /^Invalid data for a/],
    [`{"event":"${'x'.repeat(1_048_576)}"}`, /over the limit of 1048576 bytes/],
  ]
  for (const [line, message] of wrong) {
    client.send(`${line}\n`)
    assert.match(String((await client.inbox.next())['error']), message)
  }
  client.send({ event: 'a', data: 'text', correlation_id: 0 })
  assert.equal((await client.inbox.next())['correlation_id'], 0)
  assert.ok(await client.ask('supervisor:status'))
})

test('closes a connection that begins as HTTP and runs nothing of what follows', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const browser = await h.client('tcp')
  browser.send('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n{"event":"system:shutdown"}\n{"event":"completion:async"}\n')
  assert.match(String((await browser.inbox.next())['error']), /Invalid JSON/)
  browser.socket.end()
  await browser.closed
  assert.equal(browser.inbox.all.length, 1)
  answerAll(generation)
  await (await h.client('tcp')).ask('a')
  assert.equal(generation.requests().length, 1)
  assert.deepEqual(h.answered, [])
})

test('asks for the token on the first line, and passes it on to nobody', async () => {
  await using h = await openFront({ token: 'a secret of some length' })
  const generation = await h.generation()
  h.front.attach(generation.stream)
  for (const line of [
    '{"event":"a"}',
    '{"event":"a","_token":"a secret of some lengtH"}',
    '{"event":"a","_token":1}',
  ]) {
    const stranger = await h.client('tcp')
    stranger.send(`${line}\n{"event":"b","_token":"a secret of some length"}\n`)
    assert.equal((await stranger.inbox.next())['code'], 'KSI_UNAUTHORIZED')
    stranger.socket.end()
    await stranger.closed
  }
  const friend = await h.client('tcp')
  friend.send('{"event":"a","data":{"x":1},"_token":"a secret of some length","correlation_id":9}\n{"event":"b"}\n')
  const [a, b] = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
  assert.deepEqual(JSON.parse(a.json), { event: 'a', data: { x: 1 }, correlation_id: 9 })
  assert.equal(b.json, '{"event":"b"}')
  const local = await h.client()
  local.send('{"event":"c"}\n')
  assert.equal((await generation.frames.next(isRequest)).json, '{"event":"c"}')
})

test('no line ends the supervisor, however deep, long or odd it is, also before the token', async () => {
  await using h = await openFront({ token: 'a secret of some length' })
  const deep = (depth: number): string => `${'{"0":'.repeat(depth)}1${'}'.repeat(depth)}`
  const stranger = await h.client('tcp')
  stranger.send(`{"event":"x","correlation_id":${deep(600)}}\n`)
  assert.equal((await stranger.inbox.next())['code'], 'KSI_BAD_REQUEST')
  const client = await h.client()
  for (const [line, message] of [
    [`{"event":5,"correlation_id":${deep(2_900)}}`, /more than 64 levels/],
    [`{"event":"x","data":${'['.repeat(100_000)}`, /more than 64 levels/],
    [`{"event":"x","data":[${'1,'.repeat(30_000)}1]}`, /more than 20000 values/],
    [`{"event":"x","correlation_id":${deep(9)}}`, /^Invalid correlation_id/],
    [`{"event":"x","correlation_id":"${'x'.repeat(1_100)}"}`, /^Invalid correlation_id/],
    [`{"event":"${'x'.repeat(201)}"}`, /^Invalid event name: over 200 characters/],
    [`{"event":"x","_client_id":"${'x'.repeat(201)}"}`, /^Invalid _client_id/],
  ] as const) {
    client.send(`${line}\n`)
    assert.match(String((await client.inbox.next())['error']), message)
  }
  assert.ok(await client.ask('supervisor:status'))
})

test('echoes a correlation id as it was written', async () => {
  await using h = await openFront()
  const client = await h.client()
  const lines: string[] = []
  client.socket.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split('\n')))
  for (const id of ['12345678901234567890', '1.50', '{"a":[1e400, 2]}', '"\u00e9"']) {
    client.send(`{"event":7,"correlation_id": ${id} }\n`)
    await client.inbox.next()
    assert.ok(lines.at(-1)?.includes(`"correlation_id":${id},`), `${id} in ${lines.at(-1)}`)
  }
})

test('before the token: 4 KB, a place among 128, and no place taken from those who have it', async () => {
  await using h = await openFront({ token: 'a secret of some length', maxConnections: 150 })
  const long = await h.client('tcp')
  long.send('x'.repeat(5_000))
  assert.equal((await long.inbox.next())['code'], 'KSI_LINE_TOO_LONG')
  const strangers = await Promise.all(Array.from({ length: 128 }, () => h.client('tcp')))
  const friend = await h.client('tcp')
  friend.send({ event: 'supervisor:status', _token: 'a secret of some length', correlation_id: 'f' })
  await friend.inbox.next((line) => line['correlation_id'] === 'f')
  await strangers[0]?.closed
  assert.equal(h.front.stats().connections, 1)
  assert.ok(await (await h.client()).ask('supervisor:status'))
})

test('TCP cannot take the last places, and health is answered also when all are taken', async () => {
  await using h = await openFront({ maxConnections: 16 })
  await Promise.all(Array.from({ length: 14 }, async () => (await h.client('tcp')).ask('supervisor:status')))
  const refused = await h.client('tcp')
  assert.equal((await refused.inbox.next())['code'], 'KSI_QUEUE_FULL')
  for (let i = 0; i < 2; i++) await (await h.client()).ask('supervisor:status')
  const health = await h.client()
  assert.deepEqual((await health.ask('system:health'))['data'], { status: 'restarting' })
  await health.closed
  const other = await h.client()
  other.send({ event: 'completion:async' })
  assert.equal((await other.inbox.next())['code'], 'KSI_QUEUE_FULL')
})

test('makes a socket only its owner can use and removes it at the end', async () => {
  await using h = await openFront()
  assert.equal(statSync(h.front.socketPath).mode & 0o777, 0o600)
  await h.front.close()
  assert.equal(existsSync(h.front.socketPath), false)
})

test('refuses to start beside a running one, and replaces the socket of a dead one', async () => {
  await using h = await openFront()
  await assert.rejects(startFront(optionsFor(h.front.socketPath)), { code: 'KSI_INSTANCE_RUNNING' })
  await assert.rejects(startFront(optionsFor(join(h.dir, 'other.sock'), h.front.tcpPort)), {
    code: 'KSI_PORT_IN_USE',
    message: /KSI_PORT/,
  })
  assert.equal(existsSync(join(h.dir, 'other.sock')), false)
  await assert.rejects(startFront(optionsFor(`${join(h.dir, 'x'.repeat(100))}.sock`)), {
    code: 'KSI_SOCKET_PATH_TOO_LONG',
  })
  writeFileSync(join(h.dir, 'file.sock'), 'mine')
  await assert.rejects(startFront(optionsFor(join(h.dir, 'file.sock'))), { code: 'KSI_CONFIG_INVALID' })
  assert.equal(existsSync(join(h.dir, 'file.sock')), true)
  const dead = join(h.dir, 'dead.sock')
  leaveSocket(dead)
  const front = await startFront(optionsFor(dead))
  await front.close()
})

test('says no to one connection too many, and lets the next in when one has gone', async () => {
  await using h = await openFront({ maxConnections: 1 })
  const client = await h.client()
  await client.ask('supervisor:status')
  const second = await h.client()
  assert.match(String((await second.inbox.next())['error']), /Too many connections: the limit is 1/)
  client.socket.end()
  await client.closed
  const third = await h.client()
  assert.ok(await third.ask('supervisor:status'))
})

test('tells of the shutdown once, answers what still waits, and ends every connection', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const [waiting, idle] = [await h.client(), await h.client('tcp')]
  waiting.send({ event: 'a', correlation_id: 'w' })
  await generation.frames.next(isRequest)
  await idle.ask('supervisor:status')
  h.front.notifyShutdown('daemon_shutdown')
  h.front.notifyShutdown('daemon_shutdown')
  const started = performance.now()
  await Promise.all([h.front.close(), h.front.close(), waiting.closed, idle.closed])
  assert.ok(performance.now() - started < 600)
  assert.deepEqual(
    waiting.inbox.all.map((line) => line['event']),
    ['system:shutdown_notification', 'a'],
  )
  assert.match(String(waiting.inbox.all[1]?.['error']), /MAY have been taken/)
  const told = idle.inbox.all.filter((line) => line['event'] === 'system:shutdown_notification')
  assert.equal(told.length, 1)
  assert.deepEqual(Object.keys(told[0] ?? {}), ['event', 'event_name', 'data', 'timestamp'])
  assert.equal(told[0]?.['event_name'], 'system:shutdown_notification')
})

function optionsFor(socketPath: string, port = 0): FrontOptions {
  return {
    socketPath,
    host: '127.0.0.1',
    port,
    maxLineBytes: 1_024,
    maxConnections: 10,
    holdMs: 1_000,
    log: silentLog(),
    answer: () => ({}),
  }
}

/** A socket file as a killed process leaves it. */
function leaveSocket(path: string): void {
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ])
  assert.equal(statSync(path).isSocket(), true)
}
