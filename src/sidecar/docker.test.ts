import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { Server } from 'node:http'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '../lib/log.ts'
import { startDockerSource } from './docker.ts'
import type { Poller } from './poller.ts'
import { createDockerProxy } from './proxy-server.ts'
import { NewestReading } from './reading.ts'
import type { Reading } from './reading.ts'
import { engineEvent, startFakeEngine } from './testing/fake-engine.ts'
import type { FakeEngine } from './testing/fake-engine.ts'
import type { DockerFacts } from './container-words.ts'

const log = silentLog()
let engine: FakeEngine
let proxy: Server
let source: Poller
let newest: NewestReading<DockerFacts>
const readings = new EventEmitter()

/** The first reading, from the present one on, that fits. */
async function reading(fits: (reading: Reading<DockerFacts>) => boolean): Promise<Reading<DockerFacts>> {
  while (!fits(newest.reading)) await once(readings, 'reading')
  return newest.reading
}

beforeEach(async () => {
  engine = await startFakeEngine([
    { id: 'aaa', project: 'mine', service: 'sidecar' },
    { id: 'bbb', project: 'theirs', service: 'database' },
    {
      id: 'ccc',
      project: 'mine',
      service: 'daemon',
      state: { Status: 'exited', Running: false, ExitCode: 137, OOMKilled: true, Health: undefined },
    },
  ])
  const path = `${engine.socketPath}.proxy`
  proxy = createDockerProxy({ socketPath: engine.socketPath, project: 'mine', log }).listen(path)
  await once(proxy, 'listening')
  newest = new NewestReading({ onReading: () => readings.emit('reading') })
  source = startDockerSource({ proxy: path, project: 'mine', newest, log })
})

afterEach(async () => {
  await source.stop()
  proxy.closeAllConnections()
  proxy.close()
  await engine.stop()
})

test("tells of the project's containers through the proxy, and of no others", { timeout: 5_000 }, async () => {
  const { facts } = await reading(({ state }) => state === 'fine')
  assert.deepEqual(facts?.containers, [
    {
      service: 'daemon',
      id: 'ccc',
      name: 'mine-daemon-1',
      state: 'exited',
      health: null,
      started_at: '2026-11-22T12:00:00.500Z',
      restart_count: 0,
      oom_killed: true,
      exit_code: 137,
    },
    {
      service: 'sidecar',
      id: 'aaa',
      name: 'mine-sidecar-1',
      state: 'running',
      health: 'healthy',
      started_at: '2026-11-22T12:00:00.500Z',
      restart_count: 0,
      oom_killed: false,
      exit_code: null,
    },
  ])
})

test(
  'an event is taken from wherever the chunks are cut, and the containers are read anew',
  { timeout: 5_000 },
  async () => {
    await engine.followed()
    await reading(({ state }) => state === 'fine')
    engine.containers.pop()
    const text = engineEvent('daemon', 'die', { exitCode: '1' }) + engineEvent('daemon', 'destroy')
    engine.send(text.slice(0, 40))
    engine.send(text.slice(40))
    const { facts } = await reading(({ facts }) => facts?.events.length === 2)
    assert.deepEqual(
      facts?.events.map(({ action }) => action),
      ['die', 'destroy'],
    )
    assert.equal(facts?.containers.length, 1)
  },
)

test('a stream that breaks off is taken up where it was', { timeout: 5_000 }, async () => {
  await engine.followed()
  const first = engineEvent('daemon', 'start')
  engine.send(first)
  await reading(({ facts }) => facts?.events.length === 1)
  engine.cut()
  await engine.unfollowed()
  await engine.followed()
  engine.send(first + engineEvent('daemon', 'die', { exitCode: '0' }))
  const { facts } = await reading(({ facts }) => (facts?.events.length ?? 0) > 1)
  assert.deepEqual(
    facts?.events.map(({ action }) => action),
    ['start', 'die'],
  )
  const since = engine.requests.findLast((line) => line.startsWith('GET /events'))?.match(/since=(\d+)/)?.[1]
  assert.equal(Number(since) * 1_000, Date.parse(facts?.events[0]?.at ?? ''))
})

test('a proxy that goes away is a finding, and the last facts are kept', { timeout: 5_000 }, async () => {
  await reading(({ state }) => state === 'fine')
  proxy.closeAllConnections()
  proxy.close()
  const { error, facts } = await reading(({ state }) => state === 'failed')
  assert.match(error ?? '', /does not answer as it should \(its container does not run\)/)
  assert.equal(facts?.containers.length, 2)
})
