import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { apiRoute, apiRoutes } from '../../contracts/api.ts'
import type { ApiPath } from '../../contracts/api.ts'
import { silentLog } from '../../lib/log.ts'
import type { Journal } from '../../store/journal.ts'
import { TempJournal, TestQueue } from '../../store/testing/temp-journal.ts'
import { Access } from '../access.ts'
import { createServer } from '../server.ts'
import { LogTail } from '../sources/log-tail.ts'
import { StatusHub } from '../status-hub.ts'
import { allWell, boot, fine, journalFacts, nothingKnown, supervisorFacts } from '../testing/sample-facts.ts'
import { journalAt, sampleKnowledge } from '../testing/sample-knowledge.ts'
import type { Readings } from '../readings.ts'

let temp: TempJournal
let journal: Journal
let queue: TestQueue
let readings: Readings
let hub: StatusHub
let server: FastifyInstance
const headers = { host: 'localhost', authorization: 'Bearer reading-token' }

beforeEach(async () => {
  temp = new TempJournal()
  journal = temp.open()
  queue = new TestQueue(journal)
  readings = allWell({
    journal: fine(journalFacts({ counts: { ...journalFacts().counts, queued: 0, processing: 0 } })),
  })
  hub = new StatusHub({ readings: () => readings })
  queue.accept('asked', 'one', 'ASYNC', { prompt: 'a secret question' })
  queue.start('asked')
  journal.tx(() => {
    const tick = journal.emitAny('checkpoint:saved', {}, null)
    for (const at of [1, 2])
      journal.checkpoints.insert({ tick, at, reason: 'manual', generation: 1, files: [], states: [] })
    const first = { boot_id: 'first', generation: 1, cause: 'start' as const, files: [], previous_end: 'none' as const }
    journal.boots.open({ ...first, at: 1, now: 1 })
    const error = { message: 'src/daemon/x.ts:2:7: Unexpected token' }
    journal.boots.failed({ boot_id: 'bad', cause: 'save', files: ['src/daemon/x.ts'], phase: 'import', at: 2, error })
  })
  const log = join(temp.dir, 'daemon.log')
  const line = (level: number, name: string, msg: string): string =>
    `${JSON.stringify({ level, time: 1, name, msg })}\n`
  writeFileSync(log, line(30, 'supervisor', 'generation 1 is live after 9 ms') + line(50, 'daemon', 'odd'))
  server = await createServer({
    knowledge: sampleKnowledge({
      hub,
      access: new Access({ open: false, token: () => 'reading-token' }),
      journal: journalAt(temp.path),
      log: new LogTail(log),
    }),
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
    log: silentLog(),
  })
})

afterEach(async () => {
  hub.stop()
  await server.close()
  temp[Symbol.dispose]()
})

const examples: Partial<Record<ApiPath, string>> = {
  '/boots/:id': '/boots/bad',
  '/checkpoints/:id': '/checkpoints/1',
  '/checkpoints/:a/diff/:b': '/checkpoints/1/diff/2',
  '/requests/:id': '/requests/asked',
  '/wait': '/wait?for=ready',
}
const paths = Object.keys(apiRoutes) as ApiPath[]
const isStream = (path: ApiPath): boolean => apiRoute(path).type === 'text/event-stream'

test('every address answers what its schema says, and is never cached', async () => {
  for (const path of paths.filter((name) => !isStream(name))) {
    const reply = await server.inject({ url: examples[path] ?? path, headers })
    assert.equal(reply.statusCode, 200, `${path}: ${reply.body}`)
    assert.equal(reply.headers['cache-control'], 'no-store', path)
    const { type = 'application/json', reply: schema } = apiRoute(path)
    assert.equal(reply.headers['content-type'], `${type}; charset=utf-8`, path)
    const body: unknown = type === 'text/plain' ? reply.body : reply.json()
    assert.deepEqual(schema.parse(body), body, `${path}: no key too many`)
  }
})

test('what shows a prompt, an answer or the data of an event asks for the token', async () => {
  for (const path of paths.filter((name) => !isStream(name))) {
    const reply = await server.inject({ url: examples[path] ?? path, headers: { host: 'localhost' } })
    assert.equal(reply.statusCode, apiRoute(path).content === true ? 401 : 200, path)
    assert.doesNotMatch(reply.body, /secret question/, path)
  }
  assert.match((await server.inject({ url: '/requests', headers })).body, /secret question/)
})

test('what is not understood is named, and so is what is not there', async () => {
  for (const [url, status, words] of [
    ['/requests?state=lost', 400, /state: /],
    ['/requests?colour=red', 400, /colour/],
    ['/requests?limit=0', 400, /limit: /],
    ['/checkpoints/x', 400, /id: /],
    ['/wait?for=rain', 400, /ready, idle, restored or generation>N/],
    ['/requests/nothing', 404, /There is no request nothing/],
    ['/boots/nothing', 404, /There is no boot nothing/],
    ['/checkpoints/1/diff/9', 404, /There is no checkpoint/],
  ] as const) {
    const reply = await server.inject({ url, headers })
    assert.deepEqual(
      [reply.statusCode, reply.headers['content-type']],
      [status, 'application/problem+json; charset=utf-8'],
    )
    assert.match(reply.json().detail, words, url)
  }
})

test('the OpenAPI document names every address and what asks for the token', async () => {
  const { openapi, paths: told } = (await server.inject({ url: '/openapi.json', headers })).json()
  assert.equal(openapi, '3.1.0')
  assert.deepEqual(
    Object.keys(told),
    paths.map((path) => path.replaceAll(/:(\w+)/g, '{$1}')),
  )
  for (const path of paths) {
    const { get } = told[path.replaceAll(/:(\w+)/g, '{$1}')]
    assert.equal(get.security !== undefined, apiRoute(path).content === true, path)
    for (const [name] of path.matchAll(/(?<=:)\w+/g))
      assert.ok(
        get.parameters.some((parameter: { name: string }) => parameter.name === name),
        `${path}: ${name}`,
      )
  }
})

test('waiting ends as soon as it is so, and at its limit', async () => {
  assert.equal((await server.inject({ url: '/wait?for=idle', headers })).json().generation, 7)
  assert.equal((await server.inject({ url: '/wait?for=restored', headers })).statusCode, 200)
  const late = await server.inject({ url: '/wait?for=generation>7&timeout_ms=20', headers })
  assert.deepEqual([late.statusCode, late.json().code], [504, 'KSI_TIMEOUT'])
  const waiting = server.inject({ url: '/wait?for=generation>7&timeout_ms=5000', headers })
  const facts = supervisorFacts({ generation: 8 })
  setTimeout(() => {
    readings = allWell({ daemon: fine(facts), journal: fine(journalFacts({ boots: [boot({ generation: 8 })] })) })
    hub.readingCame()
  }, 20)
  assert.equal((await waiting).json().generation, 8)
})

test('what is only the last known state is waited for no more than it is there', async () => {
  readings = nothingKnown()
  hub.readingCame()
  for (const what of ['ready', 'idle', 'restored', 'generation>1'])
    assert.equal((await server.inject({ url: `/wait?for=${what}&timeout_ms=1`, headers })).statusCode, 504, what)
})

test('metrics count each boot and request once, however often they are asked for', async () => {
  journal.tx(() => journal.boots.phases('first', { total: 80, import: 20 }))
  queue.finish('asked', 'completed')
  await server.inject({ url: '/metrics', headers })
  const { body } = await server.inject({ url: '/metrics', headers })
  for (const line of [
    'ksi_daemon_up 1',
    'ksi_daemon_phase{phase="live"} 1',
    'ksi_daemon_boots_total{cause="start",result="live"} 1',
    'ksi_daemon_boots_total{cause="save",result="failed"} 1',
    'ksi_daemon_restart_duration_seconds_bucket{cause="start",le="0.1"} 1',
    'ksi_daemon_restart_duration_seconds_sum{cause="start"} 0.08',
    'ksi_request_queue_seconds_count 1',
    'ksi_provider_run_seconds_count{provider="echo",outcome="completed"} 1',
    'ksi_requests{state="completed"} 100',
  ])
    assert.ok(body.split('\n').includes(line), `${line} is not in\n${body}`)
  assert.doesNotMatch(body, /asked|undefined|NaN/)
})

test('the diagnostics have what was asked and said only when that is asked for', async () => {
  const without = await server.inject({ url: '/diagnostics', headers })
  assert.doesNotMatch(without.body, /secret/)
  assert.match(String(without.headers['content-disposition']), /^attachment; filename="ksi-diagnostics-/)
  assert.match((await server.inject({ url: '/diagnostics?content=yes', headers })).body, /a secret question/)
})

test('logs are told by boot, process and level', async () => {
  const messages = async (query: string): Promise<string[]> => {
    const { found } = (await server.inject({ url: `/logs${query}`, headers })).json()
    return found.map(({ message }: { message: string }) => message)
  }
  assert.deepEqual(await messages('?boot=1'), ['generation 1 is live after 9 ms', 'odd'])
  assert.deepEqual(await messages('?boot=2'), [])
  assert.deepEqual(await messages('?process=daemon'), ['odd'])
  assert.deepEqual(await messages('?level=error'), ['odd'])
  assert.deepEqual(await messages('?q=LIVE'), ['generation 1 is live after 9 ms'])
})
