import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { JournalFacts } from '../../contracts/status.ts'
import { Journal } from '../../store/journal.ts'
import { copyJournal } from '../../store/testing/temp-journal.ts'
import { openJournalReader } from '../../store/reader.ts'
import type { FactsReader } from '../../store/reader.ts'
import { NewestReading } from '../reading.ts'
import { journalFacts } from '../testing/sample-facts.ts'
import { JournalSource } from './journal.ts'

let dir: string
let path: string
let newest: NewestReading<JournalFacts>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-sidecar-'))
  path = join(dir, 'dev_checkpoint.db')
  newest = new NewestReading({ onReading: () => {} })
})

afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

function sqliteError(code: string): Error {
  return Object.assign(new Error(`sqlite says ${code}`), { code })
}

/** A reader whose next answers are set by the test; `reads` and `opens` count. */
function fakeReader(): {
  source: JournalSource<FactsReader>
  reads: number
  opens: number
  closes: number
  next: Error | 'unchanged' | 'replaced' | undefined
  opening: Error | undefined
} {
  writeFileSync(path, '')
  const reader: FactsReader = {
    changed: () => fake.next !== 'unchanged',
    current: () => fake.next !== 'replaced',
    facts: () => {
      if (fake.next instanceof Error) throw fake.next
      fake.reads += 1
      return journalFacts({ last_seq: fake.reads })
    },
    close: () => {
      fake.closes += 1
    },
  }
  const open = (): FactsReader => {
    if (fake.opening) throw fake.opening
    fake.opens += 1
    return reader
  }
  const fake: ReturnType<typeof fakeReader> = {
    source: new JournalSource({ path, keepsState: true, newest, open }),
    reads: 0,
    opens: 0,
    closes: 0,
    next: undefined,
    opening: undefined,
  }
  return fake
}

test('reads again only when another connection has committed', () => {
  const fake = fakeReader()
  fake.source.look()
  fake.next = 'unchanged'
  fake.source.look()
  assert.deepEqual([fake.reads, fake.opens, newest.reading.state], [1, 1, 'fine'])
  fake.next = undefined
  fake.source.look()
  assert.deepEqual([fake.reads, fake.opens, newest.reading.facts?.last_seq], [2, 1, 2])
})

test('opens the file anew when another one has taken its place', () => {
  const fake = fakeReader()
  fake.source.look()
  fake.next = 'replaced'
  fake.source.look()
  assert.deepEqual([fake.opens, fake.closes, newest.reading.state], [2, 1, 'fine'])
})

test('a cleanly closed journal keeps its last known facts', () => {
  const fake = fakeReader()
  fake.source.look()
  fake.next = sqliteError('SQLITE_CANTOPEN')
  fake.opening = sqliteError('SQLITE_CANTOPEN')
  fake.source.look()
  assert.equal(newest.reading.state, 'closed')
  assert.match(newest.reading.error ?? '', /closed cleanly .* last known facts/)
  assert.equal(newest.reading.facts?.last_seq, 1)
})

test('a lock that passes is not worth a word, one that stays is', () => {
  const fake = fakeReader()
  fake.source.look()
  for (const code of ['SQLITE_READONLY_RECOVERY', 'SQLITE_BUSY', 'SQLITE_READONLY_ROLLBACK', 'SQLITE_BUSY_RECOVERY']) {
    fake.next = sqliteError(code)
    fake.source.look()
    assert.equal(newest.reading.state, 'fine', code)
  }
  fake.source.look()
  assert.equal(newest.reading.state, 'failed')
  assert.match(newest.reading.error ?? '', /until the daemon has opened it again/)
  fake.next = undefined
  fake.source.look()
  assert.equal(newest.reading.state, 'fine')
})

test('an error nobody expects is told as it is', () => {
  const fake = fakeReader()
  fake.next = sqliteError('SQLITE_CORRUPT')
  fake.source.look()
  assert.equal(newest.reading.error, 'The journal cannot be read: sqlite says SQLITE_CORRUPT (SQLITE_CORRUPT).')
})

test('without a file it says where it looked and why there may be none', () => {
  for (const [keepsState, why] of [
    [true, /has not run here yet/],
    [false, /none with KSI_CHECKPOINT=off/],
  ] as const) {
    new JournalSource({ path, keepsState, newest, open: openJournalReader }).look()
    assert.equal(newest.reading.state, 'absent')
    assert.match(newest.reading.error ?? '', why)
    assert.equal(newest.reading.error?.includes(path), true)
  }
})

test('a file of something else is a finding, not an end', () => {
  writeFileSync(path, 'this is no database, and never was one: not even close')
  new JournalSource({ path, keepsState: true, newest, open: openJournalReader }).look()
  assert.equal(newest.reading.state, 'failed')
})

test(
  'a file this user may not read is told apart from a closed one',
  { skip: process.getuid?.() === 0 && 'root may read everything' },
  () => {
    writeFileSync(path, '')
    chmodSync(path, 0o000)
    new JournalSource({ path, keepsState: true, newest, open: openJournalReader }).look()
    assert.match(newest.reading.error ?? '', /run the sidecar as the daemon's user/)
  },
)

test('follows a real journal through commits and a restore by rename', () => {
  const journal = Journal.open(path, 'boot-1', { suspect: false, now: Date.now() })
  const source = new JournalSource({ path, keepsState: true, newest, open: openJournalReader })
  source.look()
  assert.deepEqual(
    [newest.reading.state, newest.reading.facts?.generation, newest.reading.facts?.last_seq],
    ['fine', 1, 0],
  )
  journal.tx(() => journal.emitAny('system:ready', {}))
  source.look()
  assert.equal(newest.reading.facts?.last_seq, 1)
  const copy = `${path}.copy`
  copyJournal(journal, copy)
  journal.tx(() => journal.emitAny('system:ready', {}))
  journal.close()
  // The log belongs to the file that goes away.
  for (const tail of ['-wal', '-shm']) rmSync(`${path}${tail}`, { force: true })
  renameSync(copy, path)
  source.look()
  assert.deepEqual([newest.reading.state, newest.reading.facts?.last_seq], ['fine', 1])
  source.close()
})
