import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import {
  checkpointView,
  cutDifference,
  listedConversation,
  listedEvent,
  listedRequest,
  requestDetail,
} from '../../contracts/listed.ts'
import type { Journal } from '../journal.ts'
import { openJournalReader } from '../reader.ts'
import type { JournalReader } from '../reader.ts'
import { databaseOf } from '../testing/sound.ts'
import { TempJournal, TestQueue } from '../testing/temp-journal.ts'

let temp: TempJournal
let journal: Journal
let queue: TestQueue
let reader: JournalReader

beforeEach(() => {
  temp = new TempJournal()
  journal = temp.open()
  queue = new TestQueue(journal)
  reader = openJournalReader(temp.path)
})

afterEach(() => {
  reader.close()
  temp[Symbol.dispose]()
})

const idsOf = (rows: readonly { request_id: string }[]): string[] => rows.map(({ request_id }) => request_id)

/** `n` requests, each in a conversation of its own but every tenth, which are together. */
function fill(n: number): void {
  journal.tx(() => {
    for (let i = 0; i < n; i++) queue.accept(`r${i}`, i % 10 === 0 ? 'tens' : `c${i}`)
  })
}

function cut(): number {
  return journal.tx(() => {
    const tick = journal.emitAny('checkpoint:saved', {}, null)
    return journal.checkpoints.insert({ tick, at: tick, reason: 'manual', generation: 1, files: [], states: [] }).id
  })
}

test('requests are listed newest first, page after page, each once', () => {
  fill(120)
  const seen: string[] = []
  for (let before: number | undefined; ;) {
    const page = reader.requests.list({ limit: 50, before })
    for (const row of page.found) listedRequest.strict().parse(row)
    seen.push(...idsOf(page.found))
    if (page.next === null) break
    before = page.next
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 120 }, (_, i) => `r${119 - i}`),
  )
})

test('requests are found by state, conversation, name and what was asked', () => {
  fill(30)
  queue.accept('odd', 'solo', 'ASYNC', { prompt: 'Say something about ZEBRAS' })
  for (const id of ['r1', 'r2', 'r3']) queue.start(id)
  queue.finish('r2', 'failed')
  queue.finish('r3', 'completed')
  const list = (query: Partial<Parameters<JournalReader['requests']['list']>[0]>): string[] =>
    idsOf(reader.requests.list({ limit: 50, ...query }).found)
  assert.deepEqual(list({ state: 'processing' }), ['r1'])
  assert.deepEqual(list({ state: 'failed' }), ['r2'])
  assert.deepEqual(list({ state: 'completed' }), ['r3'])
  assert.equal(list({ state: 'queued' }).length, 28)
  assert.deepEqual(list({ conversation: 'tens' }), ['r20', 'r10', 'r0'])
  assert.deepEqual(list({ q: 'zebras' }), ['odd'])
  assert.deepEqual(list({ q: 'SOLO' }), ['odd'])
  assert.deepEqual(list({ q: '%' }), [], 'it is a text and no pattern')
  assert.deepEqual(list({ conversation: 'tens', state: 'queued', q: 'r10' }), ['r10'])
})

test('a search looks at so much and says where to go on', () => {
  fill(3)
  const page = reader.requests.list({ limit: 1, state: 'queued' })
  assert.deepEqual([idsOf(page.found), page.next, page.looked], [['r2'], reader.requests.get('r2')?.tick, 1])
})

test('a request is told with its runs and its history, step by step', () => {
  queue.accept('a', 'one', 'INJECT', { prompt: 'Hello' })
  queue.start('a')
  const error = { status: 'retrying', request_id: 'a', error: 'overloaded' }
  journal.tx(() => journal.emitAny('completion:progress', error, 'a'))
  queue.requeue('a', null)
  queue.start('a')
  journal.tx(() => {
    const tick = journal.emitAny('completion:result', {}, 'a')
    const ksi = { provider: 'echo', request_id: 'a', timestamp: '', duration_ms: 1 }
    const result = { ksi, response: { result: 'Hello yourself' } }
    journal.requests.finish('a', { state: 'completed', now: tick, tick, outcome: { result } })
  })
  const detail = requestDetail.strict().parse(reader.requests.get('a'))
  assert.deepEqual([detail.prompt, detail.result?.response], ['Hello', { result: 'Hello yourself' }])
  assert.deepEqual(
    detail.runs.map(({ attempt, end }) => [attempt, end]),
    [
      [1, 'again'],
      [2, 'completed'],
    ],
  )
  const steps = detail.history.map(({ what }) => what)
  for (const what of ['accepted', 'started', 'tries again', 'run ended', 'completed'])
    assert.ok(steps.includes(what), `${what} is missing in ${steps.join(', ')}`)
  assert.equal(reader.requests.get('nothing'), undefined)
})

test('what is garbled, or very long, is no error to who looks', () => {
  queue.accept('a', 'one')
  queue.accept('b', 'two', 'ASYNC', { prompt: 'x'.repeat(100_000) })
  databaseOf(journal).prepare("UPDATE payloads SET data = '{\"prompt' WHERE request = 1").run()
  const rows = reader.requests.list({ limit: 5, q: 'o' }).found
  assert.deepEqual(
    rows.map(({ prompt }) => prompt),
    [null, null],
  )
  assert.match(reader.requests.get('a')?.prompt ?? '', /damaged/)
  assert.equal(reader.requests.get('b')?.prompt.length, 100_000)
  databaseOf(journal).prepare("UPDATE payloads SET data = '{}' WHERE request = 1").run()
})

test('conversations are listed by who asked last, each once, and are found by name', () => {
  fill(25)
  queue.start('r3')
  const { found, next } = reader.conversations.list({ limit: 100 })
  for (const row of found) listedConversation.strict().parse(row)
  assert.deepEqual([found.length, found[0]?.conversation, next], [23, 'c24', null])
  const tens = found.find(({ conversation }) => conversation === 'tens')
  assert.deepEqual([tens?.queued, tens?.requests], [3, 3])
  assert.deepEqual(
    reader.conversations.list({ limit: 10, q: 'C3' }).found.map(({ conversation, running }) => [conversation, running]),
    [['c3', 'r3']],
  )
  assert.deepEqual(reader.conversations.count(), { conversations: 23, more: false })
  const first = reader.conversations.list({ limit: 10 })
  const second = reader.conversations.list({ limit: 100, before: first.next ?? 0 })
  assert.equal(new Set([...first.found, ...second.found].map(({ conversation }) => conversation)).size, 23)
})

test('events are listed newest first, by name, and read on from any', () => {
  fill(5)
  queue.start('r1')
  const { found } = reader.events.list({ limit: 3 })
  for (const row of found) listedEvent.strict().parse(row)
  assert.deepEqual(
    found.map(({ seq }) => seq),
    [6, 5, 4],
  )
  assert.deepEqual(
    reader.events.list({ limit: 9, q: 'progress' }).found.map(({ request_id }) => request_id),
    ['r1'],
  )
  assert.deepEqual(
    reader.events.after(4, 10).map(({ seq }) => seq),
    [5, 6],
  )
  assert.deepEqual(reader.events.bounds(), { first: 1, last: 6 })
})

test('checkpoints are told with what was queued and ran, and compared both ways', () => {
  fill(3)
  queue.start('r0')
  const a = cut()
  queue.accept('new', 'more')
  queue.finish('r0', 'completed')
  queue.start('r1')
  const b = cut()
  const shown = checkpointView.strict().parse(reader.cuts.get(a))
  assert.deepEqual([shown.running_ids, shown.queued_ids, shown.cut_short], [['r0'], ['r1', 'r2'], false])
  const change = { added: ['new'], finished: ['r0'], started: ['r1'], queued_again: [], cut_short: false }
  assert.deepEqual(cutDifference.strict().parse(reader.cuts.compare(a, b)), { from: a, to: b, ...change })
  const back = { added: ['r0'], finished: ['new'], started: [], queued_again: ['r1'], cut_short: false }
  assert.deepEqual(reader.cuts.compare(b, a), { from: b, to: a, ...back })
  assert.equal(reader.cuts.compare(a, 99), undefined)
  assert.equal(reader.cuts.get(99), undefined)
})

test('boots are found by id and generation, and by the time they lived in', () => {
  const boot = { cause: 'start' as const, files: [], previous_end: 'none' as const }
  journal.tx(() => {
    journal.boots.open({ ...boot, boot_id: 'one', generation: 1, at: 1_000, now: 1_000 })
    journal.boots.ended('one', 'handover', 2_000)
    journal.boots.open({ ...boot, boot_id: 'two', generation: 2, at: 2_000, now: 2_000 })
  })
  assert.equal(reader.boots.get('one')?.generation, 1)
  assert.equal(reader.boots.get('2')?.boot_id, 'two')
  assert.equal(reader.boots.get('nothing'), undefined)
  const within = (from: number, to: number): string[] => reader.boots.within(from, to).map(({ boot_id }) => boot_id)
  assert.deepEqual([within(500, 900), within(1_500, 1_600), within(1_500, 5_000)], [[], ['one'], ['one', 'two']])
})

test('how long requests waited and ran is told of those that have an outcome', () => {
  fill(2)
  queue.start('r1')
  queue.finish('r1', 'completed')
  const [timing] = reader.finishedAfter(0, 10)
  assert.deepEqual([timing?.state, timing?.model, timing?.waited_ms, timing?.ran_ms], ['completed', 'echo/echo', 1, 1])
  assert.deepEqual(reader.finishedAfter(timing?.tick ?? 0, 10), [])
})
