import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Journal } from './journal.ts'
import type { JournalEvent } from './journal.ts'
import { openForReading } from './open.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, runModule } from './testing/temp-journal.ts'

const names = (events: JournalEvent[]): string[] => events.map(({ name }) => name)
const kept = (journal: Journal): string[] => names(journal.events.after(0, 10_000))

test('when a second one opens the journal, the first can write nothing more', () => {
  using temp = new TempJournal()
  const first = temp.open()
  first.tx(() => first.emitAny('before', {}))
  const second = temp.open()
  assert.equal(second.epoch, first.epoch + 1)
  let ran = false
  const attempt = (): void =>
    first.tx(() => {
      ran = true
      first.emitAny('late', {})
    })
  assert.throws(attempt, { code: 'KSI_FENCED' })
  assert.equal(ran, false)
  second.tx(() => second.emitAny('after', {}))
  assert.deepEqual(kept(second), ['before', 'after'])
})

test('a part that fails takes its events and calls with it; the rest of the transaction stays', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const heard: string[] = []
  journal.onEvents((events) => heard.push(`heard ${names(events).join(' ')}`))
  journal.tx(() => {
    journal.emitAny('one', {})
    journal.afterCommit(() => heard.push('call one'))
    const part = (): never =>
      journal.tx(() => {
        journal.emitAny('two', {})
        journal.afterCommit(() => heard.push('call two'))
        throw new Error('no')
      })
    assert.throws(part, /no/)
    journal.tx(() => journal.emitAny('three', {}))
    assert.deepEqual(heard, [], 'nobody hears of it before the commit')
  })
  assert.deepEqual(heard, ['call one', 'heard one three'])
  assert.deepEqual(kept(journal), ['one', 'three'])
})

test('a call after the commit may write again, and is heard after what led to it', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const heard: string[] = []
  journal.onEvents((events) => {
    heard.push(...names(events))
    if (heard.length === 1) journal.tx(() => journal.emitAny('answer', {}))
  })
  journal.tx(() => journal.emitAny('question', {}))
  assert.deepEqual(heard, ['question', 'answer'])
  journal.afterCommit(() => heard.push('at once'))
  assert.equal(heard.at(-1), 'at once')
})

interface Part {
  events: number
  parts: Part[]
  fails: boolean
}
const partOf = (depth: number): fc.Arbitrary<Part> =>
  fc.record({
    events: fc.nat(2),
    parts: depth === 0 ? fc.constant([]) : fc.array(partOf(depth - 1), { maxLength: 3 }),
    fails: fc.boolean(),
  })

test('whatever parts fail, listeners hear exactly what was kept, in order', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const events = journal.events
  let heard: JournalEvent[] = []
  journal.onEvents((told) => heard.push(...told))
  const run = ({ events: count, parts, fails }: Part): void => {
    try {
      journal.tx(() => {
        for (let i = 0; i < count; i++) journal.emitAny('e', { i })
        for (const inner of parts) run(inner)
        if (fails) throw new Error('as planned')
      })
    } catch {}
  }
  const check = (plan: Part): void => {
    const since = events.lastSeq()
    heard = []
    run(plan)
    assert.deepEqual(heard, events.after(since, 1_000))
    assert.deepEqual(
      heard.map(({ seq }) => seq),
      heard.map((_, i) => since + 1 + i),
      'without holes',
    )
  }
  fc.assert(fc.property(partOf(3), check), { numRuns: 100 })
})

test('a call that fails after the commit is loud, but no failure of the transaction', async () => {
  using temp = new TempJournal()
  const child = runModule(`
    import { Journal } from 'STORE/journal.ts'
    process.on('unhandledRejection', (error) => console.log('loud:', error.message))
    const journal = Journal.open(${JSON.stringify(temp.path)}, 'boot', { suspect: false, now: 1 })
    journal.onEvents((events) => console.log('heard', events.length))
    console.log(journal.tx(() => {
      journal.afterCommit(() => { throw new Error('broken call') })
      journal.emitAny('e', {})
      return 'committed'
    }))`)
  const output = child.stdout === null ? '' : await text(child.stdout)
  assert.deepEqual(output.trim().split('\n'), ['heard 1', 'committed', 'loud: broken call'])
})

test('a reader that holds on does not keep flush waiting', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const reader = openForReading(temp.path)
  reader.exec('BEGIN; SELECT * FROM events')
  journal.tx(() => journal.emitAny('e', {}))
  const begun = performance.now()
  journal.flush()
  assert.ok(performance.now() - begun < 1_000)
  assert.equal(databaseOf(journal).pragma('busy_timeout', { simple: true }), 5_000)
  reader.close()
})

test('a journal in a place that cannot be written says so, with the place', async () => {
  using temp = new TempJournal()
  writeFileSync(join(temp.dir, 'file'), '')
  const open = (): Journal => Journal.open(join(temp.dir, 'file/journal.db'), 'boot', { suspect: false, now: 1 })
  assert.throws(
    open,
    (error: { code: string; message: string }) =>
      error.code === 'KSI_DB_NOT_WRITABLE' && error.message.includes(join(temp.dir, 'file')),
  )
})

test('what was committed outlives kill -9', async () => {
  using temp = new TempJournal()
  const child = runModule(`
    import { Journal } from 'STORE/journal.ts'
    const journal = Journal.open(${JSON.stringify(temp.path)}, 'boot', { suspect: false, now: 1 })
    journal.tx(() => journal.emitAny('kept', {}))
    journal.tx(() => { journal.emitAny('cut', {}); process.kill(process.pid, 'SIGKILL') })`)
  const [, signal] = (await once(child, 'exit')) as [number | null, string]
  assert.equal(signal, 'SIGKILL')
  const journal = temp.open({ suspect: true })
  assert.deepEqual(kept(journal), ['kept'])
  assert.equal(journal.report.salvaged, undefined)
})
