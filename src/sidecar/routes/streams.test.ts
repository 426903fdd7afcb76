import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { StreamPiece } from '../../client/stream.ts'
import { silentLog } from '../../lib/log.ts'
import type { Journal } from '../../store/journal.ts'
import { TempJournal, TestQueue } from '../../store/testing/temp-journal.ts'
import { Access } from '../access.ts'
import { createServer } from '../server.ts'
import { StatusHub } from '../status-hub.ts'
import { allWell, fine, journalFacts } from '../testing/sample-facts.ts'
import { journalAt, sampleKnowledge } from '../testing/sample-knowledge.ts'
import { textOf } from '../testing/text-of.ts'

let temp: TempJournal
let journal: Journal
let queue: TestQueue
let hub: StatusHub
let server: FastifyInstance
let asked: { attempt: number; from: number }[]
let pieces: StreamPiece[]

beforeEach(async () => {
  temp = new TempJournal()
  journal = temp.open()
  queue = new TestQueue(journal)
  asked = []
  pieces = []
  const seq = (): number => journal.events.lastSeq()
  hub = new StatusHub({ readings: () => allWell({ journal: fine(journalFacts({ last_seq: seq() })) }) })
  server = await createServer({
    knowledge: sampleKnowledge({
      hub,
      access: new Access({ open: false, token: () => 'reading-token' }),
      journal: journalAt(temp.path),
      output: async function* (_id, { attempt, from }) {
        asked.push({ attempt, from })
        yield* pieces
      },
    }),
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
    log: silentLog(),
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  hub.stop()
  await server.close()
  temp[Symbol.dispose]()
})

async function follow(path: string, headers: Record<string, string> = {}): Promise<ReturnType<typeof textOf>> {
  const address = server.server.address()
  assert(typeof address === 'object' && address !== null)
  const caller = request({ host: '127.0.0.1', port: address.port, path, agent: false, headers }).end()
  caller.on('error', () => {})
  const [response] = (await once(caller, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return textOf(response)
}

const authorization = 'Bearer reading-token'

test('events follow the snapshot as they come, with their data for those who have the token', async () => {
  queue.accept('a', 'one')
  const [known, stranger] = [await follow('/events', { authorization }), await follow('/events')]
  for (const next of [known, stranger]) await next(/id: 1\nevent: snapshot\n/)
  queue.accept('b', 'two')
  hub.readingCame()
  assert.equal(JSON.parse((await known(/id: 2\nevent: event\ndata: (.*)\n\n/))[1] ?? '').data.request_id, 'b')
  assert.equal(JSON.parse((await stranger(/id: 2\nevent: event\ndata: (.*)\n\n/))[1] ?? '').data, null)
})

test('who comes back is told what came meanwhile, and what is gone is named', async () => {
  for (const id of ['a', 'b', 'c']) queue.accept(id, id)
  const next = await follow('/events', { authorization, 'last-event-id': '1' })
  await next(/event: snapshot\n/)
  await next(/id: 2\nevent: event\n[^]*id: 3\nevent: event\n/)
  journal.tx(() => journal.events.trim(1, 10))
  const late = await follow('/events', { authorization, 'last-event-id': '1' })
  assert.deepEqual(JSON.parse((await late(/id: 2\nevent: gap\ndata: (.*)\n/))[1] ?? ''), { after: 1, from: 3 })
  await late(/id: 3\nevent: event\n/)
})

test('a journal that stands in the place of another is followed from its beginning', async () => {
  queue.accept('a', 'one')
  const next = await follow('/events', { authorization, 'last-event-id': '900' })
  await next(/event: snapshot\n/)
  queue.accept('b', 'two')
  hub.readingCame()
  await next(/id: 2\nevent: event\n/)
})

test("a request's output is streamed from where the client was", async () => {
  queue.accept('a', 'one')
  const delta = { request_id: 'a', attempt: 2, offset: 5, kind: 'text' as const, text: 'Hello\nyou' }
  pieces = [{ event: 'completion:delta', data: delta }]
  const next = await follow('/requests/a/stream', { authorization, 'last-event-id': '2:4' })
  assert.deepEqual(JSON.parse((await next(/id: 2:5\nevent: delta\ndata: (.*)\n\n/))[1] ?? ''), delta)
  await follow('/requests/a/stream?attempt=1&from=7', { authorization })
  assert.deepEqual(
    asked,
    [
      { attempt: 2, from: 5 },
      { attempt: 1, from: 7 },
    ].map((from) => ({ ...from })),
  )
})

test('the output of a request that is not there, or without the token, is a problem', async () => {
  const reply = await server.inject({ url: '/requests/none/stream', headers: { host: 'localhost', authorization } })
  assert.equal(reply.statusCode, 404)
  assert.equal((await server.inject({ url: '/requests/none/stream', headers: { host: 'localhost' } })).statusCode, 401)
})
