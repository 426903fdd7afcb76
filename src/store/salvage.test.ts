import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { OpenReport } from './open-journal.ts'
import { salvage } from './salvage.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

const pageSize = 4_096

/** A journal of some hundred pages: 300 requests in 20 conversations, some running, some done. */
function fill(temp: TempJournal): { epoch: number; ids: string[] } {
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const ids: string[] = []
  journal.tx(() => {
    for (let i = 0; i < 300; i++) {
      const id = `request-${i}`
      ids.push(id)
      queue.accept(id, `conversation-${i % 20}`, i % 7 === 0 ? 'INJECT' : 'ASYNC', { prompt: 'p'.repeat(500) })
      if (i < 20) queue.start(id)
      if (i < 10) queue.finish(id, 'completed')
    }
  })
  journal.close()
  return { epoch: journal.epoch, ids }
}

function destroyPages(path: string, pages: number[]): void {
  const bytes = readFileSync(path)
  for (const page of pages) bytes.fill(0xa5, page * pageSize, (page + 1) * pageSize)
  writeFileSync(path, bytes)
}

/** The pages of a table or index, by the database's own account. */
function pagesOf(temp: TempJournal, name: string): number[] {
  const journal = temp.open()
  const root = databaseOf(journal)
    .prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?')
    .pluck()
    .get(name) as number
  journal.close()
  const bytes = readFileSync(temp.path)
  const pages: number[] = []
  const visit = (page: number): void => {
    pages.push(page - 1)
    const at = (page - 1) * pageSize
    const [kind, cells] = [bytes[at], bytes.readUInt16BE(at + 3)]
    if (kind !== 2 && kind !== 5) return
    for (let i = 0; i < cells; i++) visit(bytes.readUInt32BE(at + bytes.readUInt16BE(at + 12 + 2 * i)))
    visit(bytes.readUInt32BE(at + 8))
  }
  visit(root)
  return pages
}

function salvagedOf(report: OpenReport): NonNullable<OpenReport['salvaged']> {
  assert.ok(report.salvaged, 'the damage was noticed')
  return report.salvaged
}

test('garbage in the middle of the requests: the file is moved aside, the rows before and after it are saved', () => {
  using temp = new TempJournal()
  const { epoch } = fill(temp)
  const pages = pagesOf(temp, 'requests')
  destroyPages(temp.path, [pages[Math.floor(pages.length / 2)] ?? 0])
  const damaged = readFileSync(temp.path)
  const journal = temp.open({ suspect: true })
  const { movedTo, saved, lost } = salvagedOf(journal.report)
  assert.ok(readFileSync(movedTo).equals(damaged), 'the damaged file is kept as it was')
  assert.match(basename(movedTo), /^journal\.db\.corrupt-\d{4}-/)
  assert.deepEqual(Object.keys(lost), ['requests'])
  const ids = databaseOf(journal).prepare('SELECT request_id FROM requests ORDER BY id').pluck().all()
  assert.ok((saved.requests ?? 0) < 300)
  assert.equal(ids.length, 300, 'those whose rows are gone were made again of what they were to do')
  assert.ok(journal.epoch > epoch)
  assert.deepEqual(new TestQueue(journal).disagreements(), [])
})

test('a waiting request whose content is lost is told as failed, and its id can be sent again', () => {
  using temp = new TempJournal()
  fill(temp)
  const pages = pagesOf(temp, 'payloads')
  destroyPages(temp.path, [pages.at(-5) ?? 0])
  const journal = temp.open({ suspect: true })
  const { lostRequests } = salvagedOf(journal.report)
  assert.ok(lostRequests.length > 0)
  const told = journal.events
    .after(0, 10_000)
    .filter(({ name, data }) => name === 'completion:failed' && data.reason === 'daemon_restart')
  assert.deepEqual(
    told.map(({ data }) => data.request_id),
    lostRequests,
  )
  const queue = new TestQueue(journal)
  assert.equal(queue.requests.total('lost'), lostRequests.length)
  for (const id of lostRequests) assert.equal(queue.requests.get(id)?.state, 'failed')
  assert.deepEqual(queue.disagreements(), [])
})

test('content whose request is lost does not stand in the way of sending that request again', () => {
  using temp = new TempJournal()
  const { ids } = fill(temp)
  const pages = [...pagesOf(temp, 'requests').slice(3, 6), ...pagesOf(temp, 'events').slice(1)]
  // Where the payload does not name the request either.
  destroyPages(temp.path, pages)
  const journal = temp.open({ suspect: true })
  const queue = new TestQueue(journal)
  const missing = ids.filter((id) => queue.requests.get(id) === undefined)
  assert.ok(missing.length > 0)
  for (const id of missing) queue.accept(id, 'again')
  assert.deepEqual(queue.queue('again'), missing)
})

test('new requests queue behind the saved ones, also when the newest events are lost', () => {
  using temp = new TempJournal()
  fill(temp)
  destroyPages(temp.path, pagesOf(temp, 'events').slice(1))
  const journal = temp.open({ suspect: true })
  salvagedOf(journal.report)
  const queue = new TestQueue(journal)
  const waiting = queue.queue('conversation-1')
  queue.accept('new', 'conversation-1')
  assert.deepEqual(queue.queue('conversation-1'), [...waiting, 'new'])
})

test('whatever pages are destroyed, the next journal opens, agrees with itself, and works', () => {
  using template = new TempJournal()
  fill(template)
  const pageCount = statSync(template.path).size / pageSize
  const check = (pages: number[]): void => {
    using temp = new TempJournal()
    copyFileSync(template.path, temp.path)
    destroyPages(temp.path, pages)
    const journal = temp.open({ suspect: true })
    const queue = new TestQueue(journal)
    if (journal.report.salvaged !== undefined) assert.deepEqual(queue.disagreements(), [])
    queue.accept('new', 'conversation-1')
    assert.equal(queue.queue('conversation-1').at(-1), 'new')
  }
  fc.assert(fc.property(fc.array(fc.nat(pageCount - 1), { minLength: 1, maxLength: 4 }), check), { numRuns: 25 })
})

test('a file that is no journal at all is moved aside with its WAL, and an empty one takes its place', () => {
  using temp = new TempJournal()
  writeFileSync(temp.path, 'this is no database'.repeat(1_000))
  writeFileSync(`${temp.path}-wal`, 'nor is this a log')
  // What a boot that died while it salvaged left behind.
  writeFileSync(`${temp.path}.salvage`, 'half a draft')
  const { movedTo, lost, saved } = salvage(temp.path)
  assert.deepEqual([Object.hasOwn(lost, 'requests'), saved.requests], [true, 0])
  assert.equal(readFileSync(`${movedTo}-wal`, 'utf8'), 'nor is this a log')
  assert.equal(existsSync(`${temp.path}-wal`), false)
  assert.deepEqual(
    readdirSync(temp.dir).filter((name) => name.includes('salvage')),
    [],
  )
  const journal = temp.open()
  assert.equal(journal.report.salvaged, undefined)
  journal.tx(() => journal.emitAny('works', {}))
})

test('what stood in the WAL alone is saved too', () => {
  using source = new TempJournal()
  using temp = new TempJournal()
  const journal = source.open()
  journal.flush()
  const queue = new TestQueue(journal)
  for (let i = 0; i < 50; i++) queue.accept(`request-${i}`, 'one')
  copyFileSync(source.path, temp.path)
  copyFileSync(`${source.path}-wal`, `${temp.path}-wal`)
  const { movedTo, saved } = salvage(temp.path)
  assert.equal(saved.requests, 50)
  assert.ok(existsSync(`${movedTo}-wal`))
  assert.equal(new TestQueue(temp.open({ suspect: true })).queue('one').length, 50)
})
