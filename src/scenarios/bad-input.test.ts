import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Data } from '../testing/wire-client.ts'

test('what a client gets wrong is answered with what is wrong, and the daemon serves on', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_MAX_LINE_BYTES: '1000000' })
  using client = await ksi.client()
  const errorOf = async (event: string, data: Record<string, unknown>): Promise<string> =>
    String((await client.request(event, data)).error)
  assert.match(await errorOf('completion:asink', { prompt: 'x' }), /Unknown event: completion:asink/)
  assert.equal(((await client.request('completion:asink')).similar as string[])[0], 'completion:async')
  assert.match(await errorOf('completion:async', {}), /Missing required parameter: prompt/)
  assert.match(await errorOf('completion:async', { prompt: 5 }), /Invalid parameter prompt/)
  assert.match(await errorOf('completion:async', { prompt: 'x', session_id: 'half \ud800' }), /session_id/)
  assert.match(await errorOf('completion:cancel', {}), /Missing required parameter: request_id \(str\)/)
  assert.match(await errorOf('completion:cancel', { request_id: 'nobody' }), /Unknown request_id: nobody/)
  assert.match(await errorOf('dev:checkpoint', { action: 'explode' }), /action/)
  assert.match(await errorOf('completion:async', { prompt: 'x', sesion_id: 'demo' }), /Did you mean session_id\?/)
  assert.match(await errorOf('supervisor:status', { verbose: true }), /supervisor:status takes none/)
  const first = await client.request('completion:async', { prompt: 'one', request_id: 'same' })
  const again = await client.request('completion:async', { prompt: 'one', request_id: 'same' })
  assert.deepEqual([again.request_id, again.duplicate, again.conversation], ['same', true, first.conversation])
  assert.match(
    await errorOf('completion:async', { prompt: 'two', request_id: 'same' }),
    /exists already with other content/,
  )
  // What a client sends again under one _event_id, because it lost its connection, is run once, also by the next
  // generation.
  const once = await client.reply('completion:async', { prompt: 'once' }, { _event_id: 'evt-1' })
  await client.request('system:reload')
  using other = await ksi.client()
  const repeated = await other.reply('completion:async', { prompt: 'once' }, { _event_id: 'evt-1' })
  assert.equal((repeated.data as Data).request_id, (once.data as Data).request_id)
  assert.equal((await client.request('system:health')).status, 'healthy')
})

test('bad JSON and a 64 MiB line are errors, the connection stays; a browser on TCP is cut off', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const raw = connect(ksi.socket)
  const lines: string[] = []
  raw.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split('\n')))
  raw.write('{"event": oops\n')
  raw.write(`${'x'.repeat(64 * 1024 * 1024)}\n`)
  raw.write('{"event":"system:health"}\n')
  while (lines.length < 3) await once(raw, 'data')
  assert.match(lines[0] ?? '', /Invalid JSON/)
  assert.match(lines[1] ?? '', /KSI_LINE_TOO_LONG/)
  assert.match(lines[2] ?? '', /healthy/)
  raw.destroy()

  const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
  const browser = connect(port, '127.0.0.1')
  browser.write(
    'POST / HTTP/1.1\r\nHost: ' +
      'localhost\r\n\r\n{"event":"completion:async","data":{"prompt":"evil","request_id":"evil"}}\n',
  )
  assert.match(await text(browser), /Invalid JSON/)
  using client = await ksi.client()
  assert.match(String((await client.request('completion:status', { request_id: 'evil' })).error), /Unknown request_id/)
})

test('a second instance on the same var/ ends with exit code 75 and says what to do; the first serves on', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const second = Ksi.launch(project)
  assert.equal(await second.exited, 75)
  assert.match(second.output(), /Another ksi is already running .*stop it with "ksi stop"/)
  assert.equal((await ksi.status()).phase, 'live')
})

test('a port in use, a var/db without rights, a wrong setting: each ends the start with a sentence', async (t) => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const port = (await ksi.status()).addresses.tcp.split(':').at(-1)
  using other = makeProject()
  const portTaken = Ksi.launch(other, { KSI_PORT: port })
  assert.equal(await portTaken.exited, 75)
  assert.match(portTaken.output(), /in use( by .*supervisor\/main\.ts \(pid \d+\))?\. .*KSI_PORT/)
  assert.equal(portTaken.output().match(/in use/g)?.length, 1, portTaken.output())
  const wrong = Ksi.launch(other, { KSI_PORT: 'many' })
  assert.equal(await wrong.exited, 78)
  assert.match(wrong.output(), /KSI_PORT: say a whole number/)
  // A file where the folder is expected stops root too, whom permissions do not.
  rmSync(other.path('var/db'), { recursive: true, force: true })
  mkdirSync(other.path('var'), { recursive: true })
  writeFileSync(other.path('var/db'), 'not a folder')
  const unwritable = Ksi.launch(other)
  assert.equal(await unwritable.exited, 73)
  assert.match(unwritable.output(), /cannot be written/)
  if (process.getuid?.() === 0)
    t.diagnostic('running as root: a read-only folder was stood in for by a file in its place')
  else {
    rmSync(other.path('var/db'))
    mkdirSync(other.path('var/db'))
    chmodSync(other.path('var/db'), 0o500)
    assert.equal(await Ksi.launch(other).exited, 73)
    chmodSync(other.path('var/db'), 0o700)
  }
})

test('a damaged journal is moved aside and the daemon starts with what can be saved', async () => {
  using project = makeProject()
  mkdirSync(project.path('var/db'), { recursive: true })
  writeFileSync(project.path('var/db/dev_checkpoint.db'), 'this is not a database, whatever its name says'.repeat(200))
  await using ksi = await Ksi.start(project)
  assert.ok(ksi.log.some((entry) => String(entry.msg).includes('moved aside')))
  assert.equal((await ksi.status()).phase, 'live')
})
