import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { StatusDocument } from '../../contracts/status.ts'
import { TempJournal, TestQueue } from '../../store/testing/temp-journal.ts'
import type { Journal } from '../../store/journal.ts'
import { openJournalReader } from '../../store/reader.ts'
import { collect } from '../collector.ts'
import type { Knowledge } from '../knowledge.ts'
import { Streams } from '../streams.ts'
import { allWell, container, failure, fine, nowMs, supervisorFacts, unread } from '../testing/sample-facts.ts'
import { journalAt, sampleKnowledge } from '../testing/sample-knowledge.ts'
import type { Readings } from '../readings.ts'
import { pageText, render } from './render.ts'
import { tabs } from './sections.ts'

let temp: TempJournal
let journal: Journal
let queue: TestQueue
const hostile = `</pre><script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover="alert(3)`

beforeEach(() => {
  temp = new TempJournal()
  journal = temp.open()
  queue = new TestQueue(journal)
})

afterEach(() => {
  temp[Symbol.dispose]()
})

const documentOf = (readings: Readings): StatusDocument => collect(readings, nowMs)

function knowledge(): Knowledge {
  const streams = new Streams({ headers: {}, pingMs: 1_000 })
  return { ...sampleKnowledge({ journal: journalAt(temp.path), now: () => nowMs }), streams }
}

function page(address: string, { mayRead = true, document = documentOf(withFacts()) } = {}): ReturnType<typeof render> {
  return render({ address, document, knowledge: knowledge(), mayRead })
}

/** All is well, with what the journal says. */
function withFacts(changes: Partial<Readings> = {}): Readings {
  const reader = openJournalReader(temp.path)
  const facts = reader.facts()
  reader.close()
  return allWell({ journal: fine({ ...facts, generation: 7 }), ...changes })
}

test('every section has an address, and nothing anybody wrote becomes HTML in any of them', () => {
  queue.accept('asked', hostile, 'ASYNC', { prompt: hostile })
  queue.accept(hostile, 'two')
  queue.start('asked')
  const error = { message: hostile, stack: hostile }
  journal.tx(() =>
    journal.boots.failed({ boot_id: 'bad', cause: 'save', files: [hostile], phase: 'import', at: 1, error }),
  )
  const facts = supervisorFacts({
    problem: hostile,
    last_failure: failure({ error, files: [hostile] }),
    missing: [hostile],
  })
  const docker = fine({ containers: [container({ name: hostile })], events: [] })
  const document = documentOf(withFacts({ daemon: fine(facts), docker }))
  const addresses = [
    ...tabs.map(({ path }) => path),
    '/page/requests/asked',
    `/page/requests/${encodeURIComponent(hostile)}`,
    `/page/requests?q=${encodeURIComponent(hostile)}`,
    '/page/reloads/bad',
    `/page/${encodeURIComponent(hostile)}`,
  ]
  for (const address of addresses) {
    const text = pageText(page(address, { document }))
    assert.doesNotMatch(
      text,
      /<script(?! type="module" src="\/app\.js")|<img|\son\w+="|style="|undefined|\[object/,
      address,
    )
    assert.match(text, /<h1>/, address)
  }
})

test('every element of a page that has an id has one of its own', () => {
  for (let n = 0; n < 5; n++) queue.accept(`r${n}`, `c${n}`)
  queue.start('r1')
  for (const address of tabs.map(({ path }) => path)) {
    const ids = [...pageText(page(address)).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    assert.deepEqual(ids, [...new Set(ids)], address)
  }
})

test('without the token no prompt is shown, and it is said how to get in', () => {
  queue.accept('asked', 'one', 'ASYNC', { prompt: 'a secret question' })
  queue.start('asked')
  for (const address of [...tabs.map(({ path }) => path), '/page/requests/asked']) {
    const { parts, status, follows } = page(address, { mayRead: false })
    assert.doesNotMatch(parts.main, /secret/, address)
    assert.deepEqual(follows, [], address)
    if (status === 401) assert.match(parts.main, /ksi page/, address)
  }
  assert.match(page('/page/requests').parts.main, /a secret question/)
  assert.deepEqual(page('/').follows, ['asked'])
})

test('a broken save is told with its place, its code and the way back, until it is repaired', () => {
  const error = { message: 'src/daemon/router.ts:3:7: Unexpected token' }
  const facts = supervisorFacts({ problem: 'not live', last_failure: failure({ error }) })
  const { parts, title } = page('/page/providers', { document: documentOf(withFacts({ daemon: fine(facts) })) })
  assert.match(parts.alerts, /src\/daemon\/router\.ts:3:7/)
  assert.match(parts.alerts, /vscode:\/\/file\/nowhere\/src\/daemon\/router\.ts:3:7/)
  assert.match(parts.alerts, /ksi rollback/)
  assert.match(title, /^▲/)
  assert.doesNotMatch(page('/page/providers').parts.alerts, /router/)
})

test('what is not known is said to be so, since when, and what is old is grey', () => {
  queue.accept('asked', 'one')
  queue.start('asked')
  const daemon = unread('failed', 'connection refused', { facts: supervisorFacts() })
  const { parts, title } = page('/', { document: documentOf(withFacts({ daemon, docker: unread('off', 'not set') })) })
  assert.match(parts.top, /unknown since <time data-clock datetime="2026-11-22T11:58:00/)
  assert.match(parts.main, /class="old" id="counters"/)
  assert.match(parts.main, /<dt>Ran then<\/dt>/)
  assert.match(parts.main, /<section class="old" aria-label="Running">/)
  assert.match(parts.alerts, /npm run dev/)
  assert.match(title, /^✖/)
  assert.deepEqual(page('/', { document: documentOf(withFacts({ daemon })) }).follows, [])
})

test('what is not there, and a journal that cannot be read, are pages too', () => {
  assert.equal(page('/page/nothing').status, 404)
  assert.equal(page('/page/requests/none').status, 404)
  assert.equal(page('/page/checkpoints/9/diff/10').status, 404)
  const unreadable = { ...knowledge(), journal: sampleKnowledge().journal }
  const given = { address: '/page/requests', document: documentOf(allWell()), knowledge: unreadable, mayRead: true }
  const { status, parts } = render(given)
  assert.equal(status, 503)
  assert.match(parts.main, /The journal cannot be read/)
})

test('an empty section says what to do first', () => {
  for (const [address, words] of [
    ['/', /ksi send completion:async/],
    ['/page/requests', /ksi send completion:async/],
    ['/page/conversations', /ksi send completion:async/],
    ['/page/checkpoints', /ksi checkpoint create/],
    ['/page/reloads', /ksi reload/],
    ['/page/events', /ksi watch/],
    ['/page/logs', /ksi logs/],
  ] as const)
    assert.match(page(address).parts.main, words, address)
})

test('the course of a request is drawn with the reloads it lived through', () => {
  queue.accept('a', 'one')
  queue.start('a')
  queue.finish('a', 'completed')
  journal.tx(() => {
    const boot = { cause: 'save' as const, files: [], previous_end: 'handover' as const, at: 2, now: 2 }
    journal.boots.open({ ...boot, boot_id: 'later', generation: 8 })
    const restored = { queued: 0, adopted: 1, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }
    journal.boots.live('later', 2, restored)
  })
  const { main } = page('/page/requests/a').parts
  assert.match(main, /<title>generation 8, by save<\/title>/)
  assert.match(main, /try 1: completed/)
  assert.match(main, /all of it 2 ms/)
})

test('a page of a hundred thousand requests is made in a moment', () => {
  journal.tx(() => {
    for (let n = 0; n < 100_000; n++) queue.accept(`r${n}`, `c${n % 5_000}`)
  })
  const document = documentOf(withFacts())
  const took = (address: string): number => {
    const begun = performance.now()
    page(address, { document })
    return performance.now() - begun
  }
  for (const address of [
    '/',
    '/page/requests',
    '/page/conversations',
    '/page/events',
    '/page/requests?q=nothing-fits',
  ]) {
    const times = [took(address), took(address), took(address)].sort((a, b) => a - b)
    assert.ok((times[0] ?? 0) < 200, `${address}: ${times.join(', ')} ms`)
  }
})
