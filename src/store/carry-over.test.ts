import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Journal } from './journal.ts'
import type { JournalOptions } from './journal.ts'
import { assertJournalSound, databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

/** A journal in a folder of its own below that of the test, as `var/db` is. */
class Kept extends TempJournal {
  override readonly path = join(this.dir, 'db/journal.db')
}

function openWith(temp: TempJournal, options: Partial<JournalOptions> = {}): { journal: Journal; told: string[] } {
  const told: string[] = []
  const journal = temp.open({
    durability: 'disk',
    onTrouble: (error) => told.push(error.message),
    onCarried: (missing) => told.push(`carried: ${missing.replaceAll(temp.dir, '')}`),
    ...options,
  })
  return { journal, told }
}

function acknowledged(journal: Journal): Promise<string> {
  return new Promise((resolve) =>
    journal.whenSynced(
      () => resolve('acknowledged'),
      (error) => resolve(error.message),
    ),
  )
}

/** What can happen to the files of a journal that is open. */
const removals: Record<string, (temp: TempJournal) => void> = {
  'the whole folder': (temp) => rmSync(join(temp.path, '..'), { recursive: true }),
  'the file': (temp) => rmSync(temp.path),
  'the WAL': (temp) => rmSync(`${temp.path}-wal`),
  "the WAL's index": (temp) => rmSync(`${temp.path}-shm`),
  'the file, moved away': (temp) => renameSync(temp.path, `${temp.path}.moved`),
  'the folder, moved away': (temp) => renameSync(join(temp.path, '..'), join(temp.dir, 'moved')),
  'the file, with another in its place': (temp) => {
    copyFileSync(temp.path, `${temp.path}.copy`)
    renameSync(`${temp.path}.copy`, temp.path)
  },
  'the file, with an empty one in its place': (temp) => {
    rmSync(temp.path)
    writeFileSync(temp.path, '')
  },
  'the file, with a folder in its place': (temp) => {
    rmSync(temp.path)
    mkdirSync(temp.path)
    writeFileSync(join(temp.path, 'what'), 'is in it')
  },
  'the file, with a link to nowhere in its place': (temp) => {
    rmSync(temp.path)
    symlinkSync('/nonexistent/ksi/journal.db', temp.path)
  },
}

for (const [what, remove] of Object.entries(removals)) {
  test(`removed while it is open: ${what}. What was and what is acknowledged is in the new file`, async () => {
    using temp = new Kept()
    const { journal, told } = openWith(temp)
    const queue = new TestQueue(journal)
    for (let i = 0; i < 50; i++)
      queue.accept(`before-${i}`, `conversation-${i % 5}`, 'ASYNC', { prompt: 'p'.repeat(9_000) })
    queue.start('before-0')
    assert.equal(await acknowledged(journal), 'acknowledged')
    remove(temp)
    queue.accept('after', 'conversation-1')
    const reply = acknowledged(journal)
    assert.equal(await journal.place.keep(), true)
    assert.equal(await reply, 'acknowledged')
    queue.finish('before-0', 'completed')
    queue.accept('later', 'conversation-1')
    assert.equal(await acknowledged(journal), 'acknowledged')
    assert.match(told.join(), /^carried: \/db\/journal.db/)
    assertJournalSound(temp.path)
    const next = temp.open()
    assert.equal(next.epoch, journal.epoch + 1)
    assert.equal(databaseOf(next).prepare('SELECT count(*) FROM requests').pluck().get(), 52)
    assert.deepEqual(new TestQueue(next).queue('conversation-1').slice(-2), ['after', 'later'])
  })
}

test('with KSI_DURABILITY=process too nothing is acknowledged into nowhere once it is noticed', async () => {
  using temp = new Kept()
  const { journal } = openWith(temp, { durability: 'process' })
  rmSync(temp.path)
  const kept = journal.place.keep()
  new TestQueue(journal).accept('after', 'one')
  const order: string[] = []
  journal.whenSynced(() => order.push('acknowledged'))
  order.push('asked')
  await kept
  assert.deepEqual(order, ['asked', 'acknowledged'])
  assert.equal(new TestQueue(temp.open()).queue('one').length, 1)
})

test('whatever lay in its place is moved aside and never deleted', async () => {
  using temp = new Kept()
  const { journal } = openWith(temp)
  rmSync(temp.path)
  writeFileSync(temp.path, 'somebody put this here')
  await journal.place.keep()
  const folder = join(temp.path, '..')
  const [aside = ''] = readdirSync(folder).filter((name) => /^journal\.db\.displaced-\d{4}-[^.]*Z$/.test(name))
  assert.equal(readFileSync(join(folder, aside), 'utf8'), 'somebody put this here')
})

test('where it cannot be put back nothing is acknowledged and that is said; once it can be, all is', async () => {
  using temp = new Kept()
  const { journal, told } = openWith(temp)
  const folder = join(temp.path, '..')
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'a file where the folder was')
  const queue = new TestQueue(journal)
  queue.accept('one', 'conversation')
  const refused = await acknowledged(journal)
  assert.match(refused, /^The journal is not where it was \(.*journal\.db.*\), and cannot be put back/)
  assert.equal(await journal.place.keep(), false)
  assert.deepEqual(told, [refused], 'it is told once, not every time')
  queue.accept('two', 'conversation')
  rmSync(folder)
  const reply = acknowledged(journal)
  assert.equal(await journal.place.keep(), true)
  assert.equal(await reply, 'acknowledged')
  assert.deepEqual(new TestQueue(temp.open()).queue('conversation'), ['one', 'two'])
})

test('removed again and again, also while it is being put back: nothing is lost', async () => {
  using temp = new Kept()
  const { journal } = openWith(temp)
  const queue = new TestQueue(journal)
  for (let i = 0; i < 20; i++) {
    queue.accept(`request-${i}`, 'one', 'ASYNC', { prompt: 'p'.repeat(50_000) })
    rmSync(temp.path, { force: true })
    const kept = journal.place.keep()
    await new Promise(setImmediate)
    queue.accept(`request-${i}-meanwhile`, 'two')
    if (i % 3 === 0) rmSync(join(temp.path, '..'), { recursive: true, force: true })
    if (!(await kept)) await journal.place.keep()
  }
  while (!(await journal.place.keep())) await new Promise(setImmediate)
  const next = new TestQueue(temp.open())
  assert.deepEqual([next.queue('one').length, next.queue('two').length], [20, 20])
})

test('a generation that dies while it puts the copy in place leaves it to the next', () => {
  using temp = new Kept()
  const { journal } = openWith(temp)
  new TestQueue(journal).accept('one', 'conversation')
  journal.flush()
  copyFileSync(temp.path, `${temp.path}.carried`)
  writeFileSync(`${temp.path}.carrying`, 'half a copy')
  rmSync(temp.path)
  const next = temp.open()
  assert.deepEqual(new TestQueue(next).queue('conversation'), ['one'])
  assert.ok(next.epoch > journal.epoch)
  assert.equal(existsSync(`${temp.path}.carried`), false)
})

test('a new file starts above every epoch that is known', () => {
  using temp = new Kept()
  assert.equal(temp.open({ floor: 41 }).epoch, 42)
  assert.equal(temp.open({ floor: 3 }).epoch, 43)
})

test('removed while generations change over: who had it open takes it back, and nobody makes an empty one', () => {
  using temp = new Kept()
  const { journal } = openWith(temp)
  new TestQueue(journal).accept('one', 'conversation')
  rmSync(join(temp.path, '..'), { recursive: true })
  const next = temp.open({ handedOver: true })
  assert.deepEqual(new TestQueue(next).queue('conversation'), ['one'])
  next.close()
  journal.close()
  rmSync(join(temp.path, '..'), { recursive: true })
  assert.throws(() => temp.open({ handedOver: true }), /removed just when it was handed over/)
})
