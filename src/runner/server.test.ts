import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '../lib/log.ts'
import { TestClient } from './testing/client.ts'
import { makeInput, unheard } from './testing/inputs.ts'
import { createEcho } from './providers/echo.ts'
import { createRegistry } from './providers/registry.ts'
import { Runs } from './runs.ts'
import { startServer } from './server.ts'
import type { RunnerServer } from './server.ts'

let root: string
let path: string
let runs: Runs
let server: RunnerServer
const clients: TestClient[] = []

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'ksi-server-'))
  path = join(root, 'run/runner.sock')
  runs = new Runs({
    logDir: join(root, 'log'),
    registry: createRegistry({ echo: async () => createEcho() }),
    log: silentLog(),
    ...unheard,
  })
  server = await startServer({ socket: path, runnerId: '7', runs, log: silentLog(), maxLineBytes: 10_000 })
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await Promise.all([runs.stop(), server.close()])
  rmSync(root, { recursive: true })
})

async function connect(): Promise<TestClient> {
  const client = await TestClient.open(path)
  clients.push(client)
  return client
}

const slow = { echo: { latency_ms: 60_000 } }

test('a generation that says hello is told of nothing held at first, then of its outcomes', async () => {
  const client = await connect()
  assert.deepEqual(await client.hello(1), { type: 'welcome', runner_id: '7', runs: [] })
  const input = makeInput({ extra_body: { echo: { tokens: 2 } } })
  client.send({ type: 'start', epoch: 1, input })
  const { data } = await client.next('progress')
  assert.equal(data['tokens'], 1)
  const { outcome, request_id } = await client.next('outcome')
  assert.deepEqual([request_id, outcome.status], [input.request_id, 'completed'])
})

test('what ended while no generation was there is in each welcome from then on until it is committed', async () => {
  const first = await connect()
  await first.hello(1)
  const input = makeInput()
  first.send({ type: 'start', epoch: 1, input })
  const { outcome } = await first.next('outcome')
  await first.close()
  const held = [{ run_id: input.run_id, request_id: input.request_id, started_at: outcome.started_at, outcome }]
  const second = await connect()
  assert.deepEqual((await second.hello(2)).runs, held)
  assert.deepEqual((await second.hello(2)).runs, held)
  second.send({ type: 'committed', run_id: input.run_id })
  assert.deepEqual((await second.hello(2)).runs, [])
})

test('only the generation with the highest epoch is told anything, and only it can start and abort', async () => {
  const [old, fresh] = [await connect(), await connect()]
  await old.hello(1)
  const input = makeInput({ extra_body: slow })
  old.send({ type: 'start', epoch: 1, input })
  old.send({ type: 'hello', epoch: 1 })
  await old.next('welcome')
  const { runs: held } = await fresh.hello(2)
  assert.deepEqual(
    held.map(({ run_id, outcome }) => [run_id, outcome]),
    [[input.run_id, undefined]],
  )
  const refused = makeInput()
  old.send({ type: 'start', epoch: 1, input: refused })
  assert.deepEqual(await old.next('refused'), { type: 'refused', run_id: refused.run_id, reason: 'stale epoch' })
  old.send({ type: 'abort', epoch: 1, run_id: input.run_id })
  assert.equal((await old.next('refused')).run_id, input.run_id)
  fresh.send({ type: 'abort', epoch: 2, run_id: input.run_id })
  assert.equal((await fresh.next('outcome')).outcome.status, 'aborted')
  assert.ok(!old.lines.some((line) => line.type === 'outcome'))
})

test('a hello with a stale epoch gets no welcome, its connection ends', async () => {
  const fresh = await connect()
  await fresh.hello(5)
  const old = await connect()
  old.send({ type: 'hello', epoch: 4 })
  await once(old.socket, 'close')
  assert.deepEqual(old.lines, [])
  assert.equal((await fresh.hello(5)).runs.length, 0)
})

test('lines that are not valid, or too long, are ignored and the connection goes on', async () => {
  const client = await connect()
  for (const line of ['', 'no json', '[]', '{"type":"start","epoch":1}', '{"type":"jump"}', 'x'.repeat(20_000)])
    client.socket.write(`${line}\n`)
  assert.deepEqual((await client.hello(1)).runs, [])
})

test('a draining runner refuses new runs and says so', async () => {
  const client = await connect()
  await client.hello(1)
  runs.drain(() => {})
  const input = makeInput()
  client.send({ type: 'start', epoch: 1, input })
  assert.deepEqual(await client.next('refused'), { type: 'refused', run_id: input.run_id, reason: 'draining' })
})

test('the socket is for its owner only, replaces what a dead runner left, and goes with the server', async () => {
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await server.close()
  await server.close()
  assert.equal(existsSync(path), false)
  writeFileSync(path, 'left')
  server = await startServer({ socket: path, runnerId: '8', runs, log: silentLog(), maxLineBytes: 10_000 })
  assert.equal((await (await connect()).hello(1)).runner_id, '8')
})

test('a socket path the kernel would cut is refused', async () => {
  const socket = join(root, 'x'.repeat(110))
  await assert.rejects(startServer({ socket, runnerId: '9', runs, log: silentLog(), maxLineBytes: 10_000 }), {
    code: 'KSI_SOCKET_PATH_TOO_LONG',
  })
})
