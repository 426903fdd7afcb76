import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRequest, openFront } from './testing/front-harness.ts'

test('tells the generation of a connection, relays its line byte for byte and brings the reply', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  const opened = await generation.frames.next((frame) => frame.kind === 'C')
  assert.equal(opened.info.transport, 'unix')
  const raw =
    '{ "event":"completion:async", "correlation_id": 12345678901234567890, ' +
    '"data":{"prompt":"grüße \\u00e9"} , "_event_id":"evt 1/é"}'
  client.send(`${raw}\r\n`)
  const request = await generation.frames.next(isRequest)
  assert.equal(request.json, raw)
  assert.deepEqual(
    [request.connection, request.again, request.eventId],
    [opened.connection, false, encodeURIComponent('evt 1/é')],
  )
  const { connection, relay } = request
  generation.send({ kind: 'R', connection, relay, json: '{"event":"completion:async","data":{"x":1}}' })
  assert.deepEqual(await client.inbox.next(), { event: 'completion:async', data: { x: 1 } })
  assert.equal(h.front.stats().unanswered, 0)
})

test('gives each request without an event id one of its own, and refuses one with half a surrogate pair', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  client.send('{"event":"a"}\n{"event":"b"}\n{"event":"c","_event_id":"\\ud800","correlation_id":1}\n')
  const ids: string[] = []
  for (let i = 0; i < 2; i++) {
    const request = await generation.frames.next(isRequest)
    ids.push(request.eventId)
    generation.reply(request)
  }
  assert.match(ids[0] ?? '', /^evt_[0-9a-f]{8}\w+$/)
  assert.notEqual(ids[0], ids[1])
  // Ids that differ only there would be stored as one.
  const refusal = await client.inbox.next(({ error }) => error !== undefined)
  assert.match(String(refusal['error']), /^Invalid _event_id/)
  assert.equal(refusal['correlation_id'], 1)
})

test('waits for the rest of a line that comes in halves, and takes a last line without its newline', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  client.socket.write('{"event":"fi')
  await generation.frames.next((frame) => frame.kind === 'C' && frame.connection === 1)
  client.socket.end('rst"}')
  const request = await generation.frames.next(isRequest)
  assert.equal(request.json, '{"event":"first"}')
  generation.reply(request, { late: true })
  assert.deepEqual((await client.inbox.next())['data'], { late: true })
  await client.closed
})

test('carries a line of 64 MiB both ways and refuses a longer one without closing', async () => {
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
  generation.send({ kind: 'R', connection: 1, relay: request.relay, json: request.json })
  const reply = await client.inbox.next()
  assert.equal((reply['data'] as { prompt: string }).prompt.length, line.length - frame.length)
})

test('serves 500 connections at once, each its own reply', async () => {
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
  const replies = await Promise.all(
    clients.map((client, i) => client.ask('completion:status', { request_id: `r${i}` })),
  )
  assert.deepEqual(
    replies.map((reply) => (reply['data'] as { request_id: string }).request_id),
    clients.map((_, i) => `r${i}`),
  )
  assert.equal(h.front.stats().connections, 500)
})

test('keeps our side open for a client that sent its last line, until it has all its replies', async () => {
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

test('relays at least 10,000 pipelined requests a second', async (t) => {
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
  client.send(
    '{"event":"completion:async","data":{"prompt":"hello there","agent_id":"a1"},"correlation_id":"0b5a3f"}\n'.repeat(
      count,
    ),
  )
  await all
  const perSecond = Math.round((count / (performance.now() - started)) * 1_000)
  t.diagnostic(`${perSecond} requests/s pipelined through the front, client and generation in the same process`)
  assert.ok(perSecond > 10_000, `${perSecond}/s`)
})

test('a large line goes on as the bytes it came in, and what the front has to know of it is known', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  const long = 'grüße \\ " '.repeat(60_000)
  const line = `{"data": {"prompt": ${JSON.stringify(long)} } , "event":"a" ,"correlation_id": 1.50}`
  client.send(`${line}\r\n`)
  const request = await generation.frames.next(isRequest)
  assert.equal(request.json.trimEnd(), line)
  generation.reply(request)
  assert.equal((await client.inbox.next())['event'], 'a')
  client.send(`{"event":"b","data":{"prompt":"x"},"_token":"secret","more":${JSON.stringify(long)}}\n`)
  const withToken = await generation.frames.next(isRequest)
  generation.reply(withToken)
  assert.equal((await client.inbox.next())['event'], 'b')
  const { json } = withToken
  assert.ok(!json.includes('secret'))
  assert.equal(JSON.parse(json).more, long)
  for (const [bad, error] of [
    [`{"event":"${'e'.repeat(300_000)}"}`, /^Invalid event name/],
    [`{"event":"a","correlation_id":"${'e'.repeat(300_000)}"}`, /^Invalid correlation_id/],
    [`{"event":"a","data":"${'e'.repeat(300_000)}"}`, /^Invalid data/],
    [`{"event":"a","data":{"a":"${'e'.repeat(300_000)}"}`, /^Invalid JSON/],
  ] as const) {
    client.send(`${bad}\n`)
    assert.match(String((await client.inbox.next())['error']), error)
  }
})

test('large lines go one at a time, whosever they are, and small ones beside them', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const clients = [await h.client(), await h.client(), await h.client()]
  for (const [i, client] of clients.entries())
    client.send({ event: `large${i}`, data: { text: 'x'.repeat(600_000) }, correlation_id: i })
  const first = await generation.frames.next(isRequest)
  const [small] = [await h.client()]
  small.send({ event: 'small' })
  const between = await generation.frames.next(isRequest)
  assert.equal(JSON.parse(between.json).event, 'small')
  generation.reply(first)
  const second = await generation.frames.next(isRequest)
  generation.send({ kind: 'T', connection: second.connection, relay: second.relay })
  const third = await generation.frames.next(isRequest)
  const events = new Set([first, second, third].map(({ json }) => JSON.parse(json).event))
  assert.deepEqual(events, new Set(['large0', 'large1', 'large2']))
})
