import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { randomFrom } from '../lib/random.ts'
import { chooseSeed } from '../testing/random.ts'
import { discardedMark } from '../lib/discarded-mark.ts'
import { readLosses } from './losses.ts'
import { assertJournalSound, databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

/*
 * Real journals, damaged as disks and people damage files. Every request that can still be read is there afterwards,
 * and the rest is counted, or said to be uncountable.
 */

const pageSize = 4_096
const requests = 500

/** 500 requests: some ended, some running, most waiting. What each is to do is found by its name in the bytes. */
function fill(temp: TempJournal, flushed = true): void {
  const journal = temp.open()
  const queue = new TestQueue(journal)
  journal.tx(() => journal.boots.open({ ...boot, generation: journal.epoch }))
  const add = (i: number): void => {
    const id = `request-${i}-`
    const priority = i % 9 === 0 ? 'INJECT' : 'ASYNC'
    queue.accept(id, `conversation-${i % 40}`, priority, {
      prompt: `do ${id}${'p'.repeat(300)}`,
    })
    if (i < 40) queue.start(id)
    if (i < 20) queue.finish(id, 'completed')
  }
  // The WAL is to hold all of it, and not to be begun anew.
  for (let i = 0; i < requests; i += 10) journal.tx(() => Array.from({ length: 10 }, (_, more) => add(i + more)))
  if (flushed) journal.flush()
}

const boot = { boot_id: 'b', cause: 'start' as const, files: [], at: 1, previous_end: 'none' as const, now: 1 }

/** The files of a journal as they are, in a folder of their own. */
function copyOf(template: TempJournal): TempJournal {
  const temp = new TempJournal()
  for (const suffix of ['', '-wal'])
    if (existsSync(template.path + suffix)) copyFileSync(template.path + suffix, temp.path + suffix)
  return temp
}

function garble(path: string, at: number, bytes: number, byte: () => number): void {
  const content = readFileSync(path)
  for (let i = at; i < Math.min(content.length, at + bytes); i++) content[i] = byte()
  writeFileSync(path, content)
}

/**
 * The requests whose row and whose content lie on pages that are as they were. What was moved to another page leaves
 * its bytes behind: only what is found once, on a page of rows, counts.
 */
function readable(before: Buffer, after: Buffer): string[] {
  const pages: { text: string; intact: boolean }[] = []
  for (let at = 0; at < before.length; at += pageSize) {
    const page = before.subarray(at, at + pageSize)
    pages.push({ text: page.toString('latin1'), intact: page.equals(after.subarray(at, at + pageSize)) })
  }
  const isReadable = (text: string): boolean => {
    const found = pages.filter((page) => page.text.includes(text))
    return found.length === 1 && found[0]?.intact === true && found[0].text.charCodeAt(0) === 0x0d
  }
  return Array.from({ length: requests }, (_, i) => `request-${i}-`).filter(
    (id, i) => isReadable(`do ${id}p`) && isReadable(`${id}conversation-${i % 40}`),
  )
}

/** Opens it, as the next boot would, and asserts all that must hold whatever was damaged. */
function openDamaged(temp: TempJournal, mustBeThere: string[]): { ids: string[]; salvaged: boolean } {
  const journal = temp.open({ suspect: true, cold: true, floor: 1, known: 1 })
  const queue = new TestQueue(journal)
  const ids = databaseOf(journal).prepare('SELECT request_id FROM requests').pluck().all() as string[]
  const there = new Set(ids)
  assert.deepEqual(
    mustBeThere.filter((id) => !there.has(id)),
    [],
    'what can be read is there',
  )
  const salvaged = journal.report.salvaged !== undefined
  if (ids.length < requests) {
    const [loss] = readLosses(temp.path)
    assert.ok(loss, `${requests - ids.length} are gone, and nothing is said`)
  }
  queue.accept('new', 'conversation-1')
  assert.equal(queue.queue('conversation-1').at(-1), 'new')
  for (const id of queue.queue('conversation-2').slice(0, 1)) if (!isBusy(queue, 'conversation-2')) queue.start(id)
  journal.distrust(new Error('looked at again'))
  journal.close()
  const again = temp.open({ suspect: true })
  if (salvaged) assert.equal(again.report.salvaged, undefined, 'it can be opened as it is')
  again.close()
  assertJournalSound(temp.path)
  return { ids, salvaged }
}

function isBusy({ conversations }: TestQueue, name: string): boolean {
  return conversations.get(name)?.busy === 1
}

const damages: Record<string, (temp: TempJournal) => void> = {
  '12 KB in the middle': (temp) => garble(temp.path, readFileSync(temp.path).length >> 1, 12_288, () => 0xa5),
  'the first 100 bytes': (temp) => garble(temp.path, 0, 100, () => 0x5a),
  'the whole first page': (temp) => garble(temp.path, 0, pageSize, () => 0x5a),
  'half of it cut off': (temp) => truncateSync(temp.path, readFileSync(temp.path).length >> 1),
  'a byte of each tenth page': (temp) => {
    for (let at = 5 * pageSize; at < readFileSync(temp.path).length; at += 10 * pageSize)
      garble(temp.path, at, 1, () => 0xff)
  },
}

for (const [what, damage] of Object.entries(damages)) {
  test(`a journal of 500 requests, damaged: ${what}`, () => {
    using template = new TempJournal()
    fill(template)
    using temp = copyOf(template)
    const before = readFileSync(temp.path)
    damage(temp)
    const must = readable(before, readFileSync(temp.path))
    assert.ok(must.length > 50, `only ${must.length} can be read: this shows little`)
    const { ids, salvaged } = openDamaged(temp, must)
    assert.ok(salvaged)
    const [loss] = readLosses(temp.path)
    assert.ok(loss !== undefined && (loss.requests ?? 0) <= requests - ids.length, JSON.stringify(loss))
  })
}

test('an empty file with nothing beside it: an empty journal, and that it is empty is said', () => {
  using temp = new TempJournal()
  writeFileSync(temp.path, '')
  openDamaged(temp, [])
  assert.match(readLosses(temp.path)[0]?.message ?? '', /was not there any more/)
})

test('a journal that was put aside on purpose is no loss, once', () => {
  using temp = new TempJournal()
  writeFileSync(discardedMark(temp.path), '')
  temp.open({ floor: 1, known: 1 })
  assert.deepEqual(readLosses(temp.path), [])
  assert.ok(!existsSync(discardedMark(temp.path)))
  using other = new TempJournal()
  other.open({ floor: 1, known: 1 })
  assert.equal(readLosses(other.path).length, 1, 'without the mark it is one')
})

test('an empty file whose WAL is whole: what the WAL has is saved', () => {
  using template = new TempJournal()
  fill(template, false)
  using temp = copyOf(template)
  const wal = readFileSync(`${temp.path}-wal`)
  truncateSync(temp.path, 0)
  const { ids } = openDamaged(temp, [])
  assert.ok(wal.length > 100 * pageSize && ids.length === requests, `${ids.length}`)
})

test('a WAL garbled in its middle: what was committed before and after it is there', () => {
  using template = new TempJournal()
  fill(template, false)
  using temp = copyOf(template)
  const size = readFileSync(`${temp.path}-wal`).length
  garble(`${temp.path}-wal`, size >> 1, 12_288, () => 0xa5)
  const { ids, salvaged } = openDamaged(temp, ['request-0-', `request-${requests - 1}-`])
  assert.ok(salvaged && ids.length > requests - 30, `${ids.length} of ${requests}`)
})

test('a garbled head of the WAL, or a few of its bytes, costs next to nothing', () => {
  using template = new TempJournal()
  fill(template, false)
  for (const [at, bytes] of [
    [0, 32],
    [32, 24],
    [40_000, 3],
  ] as const) {
    using temp = copyOf(template)
    garble(`${temp.path}-wal`, at, bytes, () => 0xa5)
    const { ids } = openDamaged(temp, [])
    assert.ok(ids.length > requests - 40, `${ids.length} of ${requests} with ${bytes} bytes at ${at}`)
  }
})

test('a request is found by its name also where the index of names was garbled', () => {
  using template = new TempJournal()
  fill(template)
  using temp = copyOf(template)
  const content = readFileSync(temp.path, 'latin1')
  const isOfIndex = (at: number): boolean => content.charCodeAt(at - (at % pageSize)) === 0x0a
  const places = [...content.matchAll(/request-159-/g)].map(({ index }) => index).filter(isOfIndex)
  assert.ok(places.length > 0)
  for (const place of places) garble(temp.path, place + 10, 1, () => 0x41)
  openDamaged(temp, ['request-159-'])
  assert.equal(new TestQueue(temp.open()).requests.get('request-159-')?.state, 'queued')
})

test('rows that do not fit are mended: an outcome of what still waits, counts that are none', () => {
  using template = new TempJournal()
  fill(template)
  using temp = copyOf(template)
  const journal = temp.open()
  const db = databaseOf(journal)
  db.exec(
    'INSERT INTO outcomes SELECT id, \'{"reason":"provider_error"}\' FROM requests WHERE request_id = \'request-50-\'',
  )
  db.exec("UPDATE conversations SET queued = 99, head_tick = 3 WHERE conversation = 'conversation-3'")
  db.exec("DELETE FROM requests WHERE request_id IN ('request-60-', 'request-61-')")
  journal.distrust(new Error('UNIQUE constraint failed'))
  db.close()
  const { ids } = openDamaged(
    temp,
    Array.from({ length: requests }, (_, i) => `request-${i}-`),
  )
  assert.equal(ids.length, requests)
  assert.equal(new TestQueue(temp.open()).requests.get('request-50-')?.state, 'failed')
})

const runs = 15

test(`damaged at random ${runs} times: it opens, agrees with itself, keeps what can be read and says the rest`, () => {
  using template = new TempJournal()
  fill(template)
  const original = readFileSync(template.path)
  const first = chooseSeed()
  for (let seed = first; seed < first + runs; seed++) {
    const random = randomFrom(seed)
    const below = (limit: number): number => Math.floor(random() * limit)
    using temp = copyOf(template)
    for (let i = below(3); i >= 0; i--) {
      const kind = random()
      if (kind < 0.1) truncateSync(temp.path, below(original.length))
      else garble(temp.path, below(original.length), 1 + below(kind < 0.6 ? 12_288 : 64), () => below(256))
    }
    try {
      openDamaged(temp, readable(original, readFileSync(temp.path)))
    } catch (error) {
      throw new Error(`with KSI_SEED=${seed}`, { cause: error })
    }
  }
})
