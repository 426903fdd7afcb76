import assert from 'node:assert/strict'
import { EventEmitter, on, once } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import type { SupervisorStatus } from '../../contracts/control.ts'
import { FakeDaemon } from '../../client/testing/fake-daemon.ts'
import { createClientLink } from '../link.ts'
import type { Poller } from '../poller.ts'
import { NewestReading } from '../reading.ts'
import type { Reading } from '../reading.ts'
import { supervisorFacts } from '../testing/sample-facts.ts'
import { startDaemonSource } from './daemon.ts'
import type { DaemonLink } from './daemon.ts'

let source: Poller | undefined
let newest: NewestReading<SupervisorStatus>
let changes: number
const readings = new EventEmitter()

beforeEach(() => {
  changes = 0
  newest = new NewestReading({ onReading: () => readings.emit('reading') })
})

afterEach(async () => {
  await source?.stop()
  source = undefined
})

async function reading(fits: (reading: Reading<SupervisorStatus>) => boolean): Promise<Reading<SupervisorStatus>> {
  while (!fits(newest.reading)) await once(readings, 'reading')
  return newest.reading
}

function start(link: DaemonLink, everyMs = 50): void {
  source = startDaemonSource({ link, newest, everyMs: () => everyMs, changed: () => changes++, limitMs: 200 })
}

/** A link whose answers and news the test makes up. */
function fakeLink(ask: () => Promise<unknown>): DaemonLink & { tell: () => void } {
  const news = new EventEmitter()
  const closing = new AbortController()
  return {
    ask,
    news: () => on(news, 'news', { signal: closing.signal }),
    tell: () => news.emit('news'),
    close: () => {
      closing.abort()
      return Promise.resolve()
    },
  }
}

test('an answer that never comes is a finding after the limit', { timeout: 4_000 }, async () => {
  start(fakeLink(() => new Promise(() => {})))
  const { error } = await reading(({ state }) => state === 'failed')
  assert.equal(error, 'No answer within 200 ms.')
})

test('an answer of another shape names what is wrong with it', { timeout: 4_000 }, async () => {
  start(fakeLink(() => Promise.resolve({ ...supervisorFacts(), phase: 'dancing' })))
  const { error } = await reading(({ state }) => state === 'failed')
  assert.match(error ?? '', /not as this sidecar expects \(phase\)/)
})

test('news of the daemon are followed by a look at once', { timeout: 4_000 }, async () => {
  let asked = 0
  const link = fakeLink(() => Promise.resolve(supervisorFacts({ swaps: ++asked })))
  start(link, 60_000)
  await reading(({ facts }) => facts?.swaps === 1)
  link.tell()
  await reading(({ facts }) => facts?.swaps === 2)
  assert.equal(changes, 1)
})

test(
  'over the wire: says why there is no daemon, finds it when it comes, and keeps the last facts when it goes',
  { timeout: 8_000 },
  async () => {
    const finder = await new FakeDaemon({ port: 0, host: '127.0.0.1' }).start()
    const { port } = finder
    await finder.stop()
    start(createClientLink({ address: `tcp://127.0.0.1:${port}`, token: () => undefined }))
    assert.equal((await reading(({ state }) => state === 'failed')).error, 'connection refused')
    const daemon = await new FakeDaemon(
      { port, host: '127.0.0.1' },
      { 'supervisor:status': () => supervisorFacts() },
    ).start()
    assert.equal((await reading(({ state }) => state === 'fine')).facts?.generation, 7)
    assert.equal(daemon.received[0]?._client_id, 'ksi-sidecar')
    await daemon.stop()
    const { facts } = await reading(({ state }) => state === 'failed')
    assert.equal(facts?.generation, 7)
  },
)

test('over the wire: a daemon that hangs is told apart from one that is not there', { timeout: 8_000 }, async () => {
  const daemon = await new FakeDaemon({ port: 0, host: '127.0.0.1' }, { 'supervisor:status': () => undefined }).start()
  start(createClientLink({ address: `tcp://127.0.0.1:${daemon.port}`, token: () => undefined }))
  assert.equal((await reading(({ state }) => state === 'failed')).error, 'connected, but no reply within 200 ms')
  await daemon.stop()
})
