import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { silentLog } from '../lib/log.ts'
import { openFront } from './fixtures/front-harness.ts'
import type { FakeGeneration } from './fixtures/front-harness.ts'
import { startFront } from './front.ts'

const isRequest = (frame: { kind: string }): boolean => frame.kind === 'Q'

/** Answers everything, from now on, with how many times it saw that event id. */
function answerAll(generation: FakeGeneration): void {
  void (async () => {
    for (;;) generation.reply(await generation.frames.next(isRequest), { ok: true })
  })()
}

function optionsFor(socketPath: string, port = 0): Parameters<typeof startFront>[0] {
  return { socketPath, host: '127.0.0.1', port, maxLineBytes: 1_024, maxConnections: 10, holdMs: 1_000, log: silentLog(), answer: () => ({}) }
}

describe('front: relaying', () => {
  it('tells the generation of a connection, relays its line byte for byte and brings the reply', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    const opened = await generation.frames.next((frame) => frame.kind === 'C')
    assert.equal(JSON.parse(opened.json).transport, 'unix')
    const raw = '{ "event":"completion:async", "correlation_id": 12345678901234567890, "data":{"prompt":"grüße \\u00e9"} , "_event_id":"evt 1/é"}'
    client.send(`${raw}\r\n`)
    const request = await generation.frames.next(isRequest)
    assert.equal(request.json, raw)
    assert.deepEqual([request.fields[0], request.fields[2], request.fields[3]], [opened.fields[0], '0', encodeURIComponent('evt 1/é')])
    generation.send(`R ${request.fields[0]} ${request.fields[1]} {"event":"completion:async","data":{"x":1}}`)
    assert.deepEqual(await client.inbox.next(), { event: 'completion:async', data: { x: 1 } })
    assert.equal(h.front.stats().unanswered, 0)
  })

  it('gives each request without an event id one of its own, and survives a lone surrogate in one', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    client.send('{"event":"a"}\n{"event":"b"}\n{"event":"c","_event_id":"\\ud800"}\n')
    const ids: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) ids.push((await generation.frames.next(isRequest)).fields[3])
    assert.match(ids[0] ?? '', /^evt_[0-9a-f]{8}\w+$/)
    assert.notEqual(ids[0], ids[1])
    assert.equal(ids[2], encodeURIComponent('\ufffd'))
  })

  it('waits for the rest of a line that comes in halves, and takes a last line without its newline', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    client.send('{"event":"fi')
    await client.ask('supervisor:status').catch(() => {})
    client.socket.end()
    assert.match(String((await client.inbox.next())['error']), /Invalid JSON/)
    const other = await h.client()
    other.socket.write('{"event":"fi')
    await generation.frames.next((frame) => frame.kind === 'C' && frame.fields[0] === '2')
    other.socket.end('rst"}')
    const request = await generation.frames.next(isRequest)
    assert.equal(request.json, '{"event":"first"}')
    generation.reply(request, { late: true })
    assert.deepEqual((await other.inbox.next())['data'], { late: true })
    await other.closed
  })

  it('carries a line of 64 MiB both ways and refuses a longer one without closing', async () => {
    await using h = await openFront({ maxLineBytes: 67_108_864 })
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    const frame = '{"event":"completion:async","data":{"prompt":""}}'
    const line = frame.replace('""', `"${'x'.repeat(67_108_864 - frame.length)}"`)
    client.send(`${line}x\n`)
    assert.equal((await client.inbox.next())['code'], 'KSI_LINE_TOO_LONG')
    client.send(`${line}\n`)
    const request = await generation.frames.next(isRequest)
    assert.equal(request.json.length, line.length)
    generation.send(`R 1 ${request.fields[1]} ${request.json}`)
    const reply = await client.inbox.next()
    assert.equal((reply['data'] as { prompt: string }).prompt.length, line.length - frame.length)
  })

  it('serves 500 connections at once, each its own reply', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    void (async () => {
      for (;;) {
        const request = await generation.frames.next(isRequest)
        generation.reply(request, JSON.parse(request.json).data)
      }
    })()
    const clients = await Promise.all(Array.from({ length: 500 }, (_, i) => h.client(i % 2 === 0 ? 'unix' : 'tcp')))
    const replies = await Promise.all(clients.map((client, i) => client.ask('completion:status', { request_id: `r${i}` })))
    assert.deepEqual(
      replies.map((reply) => (reply['data'] as { request_id: string }).request_id),
      clients.map((_, i) => `r${i}`),
    )
    assert.equal(h.front.stats().connections, 500)
  })

  it('keeps our side open for a client that sent its last line, until it has all its replies', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    client.socket.end('{"event":"a"}\n{"event":"b"}\n')
    const [a, b] = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
    generation.reply(a)
    assert.equal((await client.inbox.next())['event'], 'a')
    generation.reply(b)
    assert.equal((await client.inbox.next())['event'], 'b')
    await client.closed
    await generation.frames.next((frame) => frame.kind === 'X')
  })
})

describe('front: swaps', () => {
  it('sends an unanswered request again under the same event id, then what was held, in order', async () => {
    await using h = await openFront()
    const [old, young] = [await h.generation(), await h.generation()]
    h.front.attach(old.stream)
    const [one, two] = [await h.client(), await h.client()]
    one.send({ event: 'completion:async', data: { n: 1 }, correlation_id: 1 })
    const first = await old.frames.next(isRequest)
    two.send({ event: 'completion:async', data: { n: 2 }, correlation_id: 2 })
    const second = await old.frames.next(isRequest)
    h.front.hold()
    one.send({ event: 'completion:async', data: { n: 3 }, correlation_id: 3 })
    await one.ask('supervisor:status')
    two.send({ event: 'completion:async', data: { n: 4 }, correlation_id: 4 })
    await two.ask('supervisor:status')
    assert.equal(h.front.stats().heldLines, 2)
    old.reply(first, { by: 'old' })
    assert.deepEqual((await one.inbox.next())['data'], { by: 'old' }, 'replies flow while lines are held')
    h.front.detach()
    old.reply(second, { by: 'old, too late' })
    h.front.attach(young.stream)
    const again = [await young.frames.next(isRequest), await young.frames.next(isRequest), await young.frames.next(isRequest)]
    assert.deepEqual(
      again.map((frame) => [JSON.parse(frame.json).data.n, frame.fields[2]]),
      [
        [2, '1'],
        [3, '0'],
        [4, '0'],
      ],
    )
    assert.equal(again[0]?.fields[3], second.fields[3])
    assert.deepEqual(
      young.frames.all.slice(0, 2).map((frame) => frame.kind),
      ['C', 'C'],
      'connections before requests',
    )
    for (const frame of again) young.reply(frame, { by: 'young' })
    assert.deepEqual((await two.inbox.next())['data'], { by: 'young' })
    assert.equal(old.requests().length, 2, 'nothing held reached the old generation')
    assert.deepEqual(h.front.stats(), { connections: 2, heldLines: 0, heldBytes: 0, unanswered: 0 })
  })

  it('takes the old generation back after a swap that failed, with or without having let go of it', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    client.send({ event: 'a' })
    await generation.frames.next(isRequest)
    h.front.hold()
    client.send({ event: 'b' })
    await client.ask('supervisor:status')
    h.front.attach(generation.stream)
    const b = await generation.frames.next(isRequest)
    assert.deepEqual([JSON.parse(b.json).event, b.fields[2]], ['b', '0'])
    assert.equal(generation.frames.all.filter((frame) => frame.kind === 'C').length, 1, 'it was not told anew')
    h.front.hold()
    h.front.detach()
    generation.far.write('R 1 1 {"event":"a","da')
    h.front.attach(generation.stream)
    const again = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
    assert.deepEqual(
      again.map((frame) => frame.fields[2]),
      ['1', '1'],
    )
    generation.far.write('ta":1}\n')
    assert.equal((await client.inbox.next((line) => line['event'] === 'a'))['data'], 1, 'a frame cut by the detach is whole')
  })

  it('lets a new generation go on with a subscription after the last seq pushed', async () => {
    await using h = await openFront()
    const [old, young] = [await h.generation(), await h.generation()]
    h.front.attach(old.stream)
    const client = await h.client()
    client.send({ event: 'monitor:subscribe', data: { event_patterns: ['completion:*'] }, _client_id: 'me' })
    const request = await old.frames.next(isRequest)
    old.send('U 1 40')
    old.reply(request, { status: 'subscribed' })
    old.send('P 1 41 {"event":"completion:queued","seq":41}')
    await client.inbox.next((line) => line['seq'] === 41)
    h.front.hold()
    old.send('P 1 42 {"event":"completion:result","seq":42}')
    await client.inbox.next((line) => line['seq'] === 42)
    h.front.detach()
    h.front.attach(young.stream)
    const resumed = await young.frames.next((frame) => frame.kind === 'S')
    assert.equal(resumed.fields[1], '42')
    assert.deepEqual(JSON.parse(resumed.json), { event_patterns: ['completion:*'], client_id: 'me' })
    young.send('P 1 43 {"event":"completion:queued","seq":43}')
    await client.inbox.next((line) => line['seq'] === 43)
    assert.deepEqual(
      client.inbox.all.map((line) => line['seq']).filter((seq) => seq !== undefined),
      [41, 42, 43],
    )
  })

  it('asks for no subscription that was refused or given up', async () => {
    await using h = await openFront()
    const [old, young] = [await h.generation(), await h.generation()]
    h.front.attach(old.stream)
    const [refused, ended] = [await h.client(), await h.client()]
    refused.send({ event: 'monitor:subscribe', data: {} })
    old.reply(await old.frames.next(isRequest), { status: 'error', error: 'no' })
    await refused.inbox.next()
    ended.send({ event: 'monitor:subscribe', data: {} })
    const request = await old.frames.next(isRequest)
    old.send('U 2 7')
    old.reply(request, { status: 'subscribed' })
    old.send('U 2 -1')
    old.reply(await (ended.send({ event: 'monitor:unsubscribe' }), old.frames.next(isRequest)))
    await ended.inbox.next((line) => line['event'] === 'monitor:unsubscribe')
    h.front.detach()
    h.front.attach(young.stream)
    refused.send({ event: 'last' })
    await young.frames.next(isRequest)
    assert.deepEqual(young.frames.all.map((frame) => frame.kind).sort(), ['C', 'C', 'Q'])
  })

  it('runs the lines of a client that wrote and hung up while there was no generation, and only then tells that it is gone', async () => {
    await using h = await openFront()
    const client = await h.client()
    client.send({ event: 'completion:async', data: { n: 1 } })
    client.send({ event: 'completion:async', data: { n: 2 } })
    await client.ask('supervisor:status')
    client.socket.resetAndDestroy()
    await client.closed
    const witness = await h.client()
    await witness.ask('supervisor:status')
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const left = await generation.frames.next((frame) => frame.kind === 'X')
    assert.equal(left.fields[0], '1')
    assert.deepEqual(
      generation.frames.all.filter((frame) => frame.fields[0] === '1').map((frame) => frame.kind),
      ['C', 'Q', 'Q', 'X'],
    )
    for (const request of generation.requests()) generation.reply(request)
    await Promise.all([
      witness.ask('x'),
      generation.frames.next((frame) => isRequest(frame) && frame.fields[0] === '2').then((frame) => generation.reply(frame)),
    ])
    assert.equal(h.front.stats().unanswered, 0)
  })

  it('loses nothing when the stream of a killed generation breaks before anyone says so', async () => {
    await using h = await openFront()
    const [old, young] = [await h.generation(), await h.generation()]
    h.front.attach(old.stream)
    const client = await h.client()
    client.send({ event: 'a' })
    await old.frames.next(isRequest)
    const broken = new Promise((resolve) => old.stream.once('close', resolve))
    old.far.destroy()
    old.stream.destroy()
    await broken
    assert.deepEqual((await client.ask('system:health'))['data'], { status: 'restarting' })
    h.front.attach(young.stream)
    assert.equal((await young.frames.next(isRequest)).fields[2], '1')
  })
})

describe('front: limits of holding', () => {
  it('tells held and relayed lines apart when the daemon does not come back in time', async () => {
    await using h = await openFront({ holdMs: 60 })
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const client = await h.client()
    client.send({ event: 'relayed', correlation_id: { any: 1 } })
    await generation.frames.next(isRequest)
    h.front.detach()
    client.send({ event: 'held', correlation_id: 'h' })
    const relayed = await client.inbox.next((line) => line['event'] === 'relayed')
    const held = await client.inbox.next((line) => line['event'] === 'held')
    assert.deepEqual([relayed['code'], relayed['correlation_id'], held['code'], held['correlation_id']], ['KSI_RESTARTING', { any: 1 }, 'KSI_RESTARTING', 'h'])
    assert.match(String(relayed['error']), /MAY have been taken.*60 ms/)
    assert.match(String(held['error']), /NOT taken.*60 ms/)
    assert.equal(h.front.stats().unanswered, 0)
  })

  it('holds 10,000 lines and says no to the next, at once', async () => {
    await using h = await openFront()
    const clients = await Promise.all(Array.from({ length: 21 }, () => h.client()))
    for (const client of clients) client.send('{"event":"a","correlation_id":1}\n'.repeat(500))
    const refusal = await Promise.race(clients.map((client) => client.inbox.next()))
    assert.equal(refusal['code'], 'KSI_RESTARTING')
    assert.match(String(refusal['error']), /NOT taken.*10000/)
    assert.equal(h.front.stats().heldLines, 10_000)
  })

  it('does not read on from a client with more than 1,000 lines unanswered until half of them are', async () => {
    await using h = await openFront()
    const client = await h.client()
    const other = await h.client()
    const line = `${JSON.stringify({ event: 'a', data: { pad: 'x'.repeat(2_000) } })}\n`
    client.send(line.repeat(5_000))
    await other.ask('supervisor:status')
    await client.socket.writableLength
    const generation = await h.generation()
    const { heldLines } = h.front.stats()
    assert.ok(heldLines > 0 && heldLines < 1_100, `${heldLines} lines were held`)
    answerAll(generation)
    h.front.attach(generation.stream)
    while (client.inbox.all.length < 5_000) await client.inbox.next()
    assert.equal(h.front.stats().unanswered, 0)
  })

  it('stops pushes to a client that does not read, keeps its memory bounded, serves others, and goes on when it reads', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const [slow, other] = [await h.client(), await h.client()]
    slow.socket.pause()
    const push = (seq: number): string => `P 1 ${seq} ${JSON.stringify({ event: 'e', seq, data: { pad: 'x'.repeat(100_000) } })}`
    let seq = 0
    const stopped = generation.frames.next((frame) => frame.kind === 'Z')
    let isStopped = false
    void stopped.then(() => (isStopped = true))
    while (!isStopped) {
      generation.send(push(++seq))
      await new Promise((resolve) => setImmediate(resolve))
    }
    answerAll(generation)
    assert.deepEqual((await other.ask('a'))['data'], { ok: true })
    assert.ok(seq < 160, `${seq} pushes of 100 KB went out before the stop`)
    slow.socket.resume()
    assert.equal((await generation.frames.next((frame) => frame.kind === 'W')).fields[0], '1')
    generation.send(push(++seq))
    await slow.inbox.next((line) => line['seq'] === seq)
    assert.equal(slow.inbox.all.length, seq)
  })

  it('cuts a client that lets more than 16 MiB lie unread', async () => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    const [dead, other] = [await h.client(), await h.client()]
    dead.socket.pause()
    for (let seq = 1; seq <= 300; seq++) generation.send(`P 1 ${seq} {"pad":"${'x'.repeat(100_000)}"}`)
    assert.equal((await generation.frames.next((frame) => frame.kind === 'X')).fields[0], '1')
    answerAll(generation)
    assert.deepEqual((await other.ask('a'))['data'], { ok: true })
  })
})

describe('front: what it answers itself', () => {
  it('answers the events of the supervisor always, and system:health only while no generation is live', async () => {
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

  it('turns what an answer throws into a data error', async () => {
    await using h = await openFront({
      answer: () => Promise.reject(Object.assign(new Error('no such thing'), { code: 'KSI_NOT_FOUND' })),
    })
    const client = await h.client()
    const reply = await client.ask('supervisor:status')
    assert.deepEqual(reply['data'], { status: 'error', error: 'no such thing', code: 'KSI_NOT_FOUND' })
    assert.equal('error' in reply, false)
  })

  it('says what is wrong with a line and stays open', async () => {
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
})

describe('front: TCP', () => {
  it('closes a connection that begins as HTTP and runs nothing of what follows', async () => {
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

  it('asks for the token on the first line, and passes it on to nobody', async () => {
    await using h = await openFront({ token: 'a secret of some length' })
    const generation = await h.generation()
    h.front.attach(generation.stream)
    for (const line of ['{"event":"a"}', '{"event":"a","_token":"a secret of some lengtH"}', '{"event":"a","_token":1}']) {
      const stranger = await h.client('tcp')
      stranger.send(`${line}\n{"event":"b","_token":"a secret of some length"}\n`)
      assert.equal((await stranger.inbox.next())['code'], 'KSI_UNAUTHORIZED')
      stranger.socket.end()
      await stranger.closed
    }
    const friend = await h.client('tcp')
    friend.send({ event: 'a', data: { x: 1 }, _token: 'a secret of some length', correlation_id: 9 })
    friend.send({ event: 'b' })
    const [a, b] = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
    assert.deepEqual(JSON.parse(a.json), { event: 'a', data: { x: 1 }, correlation_id: 9 })
    assert.equal(b.json, '{"event":"b"}')
    const local = await h.client()
    local.send({ event: 'c' })
    assert.equal((await generation.frames.next(isRequest)).json, '{"event":"c"}')
  })
})

describe('front: start and end', () => {
  it('makes a socket only its owner can use and removes it at the end', async () => {
    await using h = await openFront()
    assert.equal(statSync(h.front.socketPath).mode & 0o777, 0o600)
    await h.front.close()
    assert.equal(existsSync(h.front.socketPath), false)
  })

  it('refuses to start beside a running one, and replaces the socket of a dead one', async () => {
    await using h = await openFront()
    await assert.rejects(startFront(optionsFor(h.front.socketPath)), { code: 'KSI_INSTANCE_RUNNING' })
    await assert.rejects(startFront(optionsFor(join(h.dir, 'other.sock'), h.front.tcpPort)), { code: 'KSI_PORT_IN_USE', message: /KSI_PORT/ })
    assert.equal(existsSync(join(h.dir, 'other.sock')), false)
    await assert.rejects(startFront(optionsFor(`${join(h.dir, 'x'.repeat(100))}.sock`)), { code: 'KSI_SOCKET_PATH_TOO_LONG' })
    writeFileSync(join(h.dir, 'file.sock'), 'mine')
    await assert.rejects(startFront(optionsFor(join(h.dir, 'file.sock'))), { code: 'KSI_CONFIG_INVALID' })
    assert.equal(existsSync(join(h.dir, 'file.sock')), true)
    const dead = join(h.dir, 'dead.sock')
    await leaveSocket(dead)
    const front = await startFront(optionsFor(dead))
    await front.close()
  })

  it('says no to one connection too many, and lets the next in when one has gone', async () => {
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

  it('tells of the shutdown once, answers what still waits, and ends every connection', async () => {
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
    assert.equal((told[0]?.['data'] as { reason: string }).reason, 'daemon_shutdown')
    assert.equal(told[0]?.['event_name'], 'system:shutdown_notification')
  })
})

describe('front: speed', () => {
  it('relays at least 10,000 pipelined requests a second', async (t) => {
    await using h = await openFront()
    const generation = await h.generation()
    h.front.attach(generation.stream)
    let text = ''
    generation.far.removeAllListeners('data').on('data', (chunk: Buffer) => {
      const lines = (text + chunk.toString('latin1')).split('\n')
      text = lines.pop() ?? ''
      const replies = lines
        .filter((line) => line[0] === 'Q')
        .map((line) => `R ${line.split(' ', 3).slice(1).join(' ')} {"event":"completion:async","data":{}}\n`)
      generation.far.write(replies.join(''))
    })
    const client = await h.client()
    const count = 40_000
    let replies = 0
    const all = new Promise<void>((resolve) =>
      client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) replies++
        if (replies === count) resolve()
      }),
    )
    const started = performance.now()
    client.send('{"event":"completion:async","data":{"prompt":"hello there","agent_id":"a1"},"correlation_id":"0b5a3f"}\n'.repeat(count))
    await all
    const perSecond = Math.round((count / (performance.now() - started)) * 1_000)
    t.diagnostic(`${perSecond} requests/s pipelined through the front, client and generation in the same process`)
    assert.ok(perSecond > 10_000, `${perSecond}/s`)
  })
})

/** A socket file as a killed process leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process')
  spawnSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`])
  assert.equal(statSync(path).isSocket(), true)
  assert.ok(createServer)
}
