import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Journal } from './journal.ts'
import { checkSchema } from './migrate.ts'
import { asidePath } from './older-code.ts'
import { openForReading } from './open.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue, runModule } from './testing/temp-journal.ts'

/** How many there are: a test adds the next. */
const last = readdirSync(join(import.meta.dirname, 'migrations')).length
const numbered = (number: number, name: string): string => `${String(number).padStart(4, '0')}_${name}.sql`
const second = { [numbered(last + 1, 'more')]: 'ALTER TABLE requests ADD COLUMN more TEXT; CREATE TABLE extra (x); ' }
const emit = (journal: Journal, name: string): number => journal.tx(() => journal.emitAny(name, {}))
const kept = (journal: Journal): string[] => journal.events.after(0, 100).map(({ name }) => name)
const versionOf = (journal: Journal): unknown => databaseOf(journal).pragma('user_version', { simple: true })

function goLive(journal: Journal, bootId: string): void {
  const now = Date.now()
  const none = { queued: 0, adopted: 0, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }
  journal.tx(() => {
    journal.boots.open({
      boot_id: bootId,
      generation: journal.epoch,
      cause: 'save',
      files: [],
      at: now,
      previous_end: 'handover',
      now,
    })
    journal.boots.live(bootId, now, none)
  })
}

test('a new journal has the newest schema, and nothing is set aside', () => {
  using temp = new TempJournal()
  const journal = temp.open({ migrations: temp.migrations(second) })
  assert.equal(versionOf(journal), last + 1)
  assert.equal(journal.report.migratedFrom, undefined)
  assert.deepEqual(
    readdirSync(temp.dir).filter((name) => name.includes('.v')),
    [],
  )
})

test('a migration sets a copy aside, and code that never went live is undone by putting it back', () => {
  using temp = new TempJournal()
  const [older, newer] = [temp.migrations(), temp.migrations(second)]
  const before = temp.open({ migrations: older })
  goLive(before, 'older')
  emit(before, 'before')
  const failed = temp.open({ migrations: newer })
  assert.equal(failed.report.migratedFrom, last)
  assert.ok(existsSync(asidePath(temp.path, last)))
  emit(failed, 'of a generation that fails')
  failed.close()
  before.close()
  checkSchema(temp.path, older)
  assert.deepEqual(
    readdirSync(temp.dir).filter((name) => name.startsWith(`journal.v${last}.db`)),
    [`journal.v${last}.db`],
    'looking at the copy leaves nothing beside it',
  )
  const back = temp.open({ migrations: older })
  assert.equal(back.report.putBack, true)
  assert.ok(back.epoch > failed.epoch, 'the epoch never goes backwards')
  assert.deepEqual([versionOf(back), kept(back)], [last, ['before']])
  assert.ok(existsSync(asidePath(temp.path, last + 1)), 'nothing is deleted')
  const again = temp.open({ migrations: newer })
  assert.deepEqual([versionOf(again), kept(again)], [last + 1, ['before']])
})

test('once newer code was live, older code refuses its file and leaves it untouched', () => {
  using temp = new TempJournal()
  const [older, newer] = [temp.migrations(), temp.migrations(second)]
  emit(temp.open({ migrations: older }), 'before')
  const journal = temp.open({ migrations: newer })
  goLive(journal, 'newer')
  emit(journal, 'acknowledged')
  journal.close()
  const bytes = readFileSync(temp.path)
  assert.throws(() => checkSchema(temp.path, older), { code: 'KSI_SCHEMA_NEWER' })
  assert.throws(() => temp.open({ migrations: older }), { code: 'KSI_SCHEMA_NEWER' })
  assert.ok(readFileSync(temp.path).equals(bytes))
  assert.deepEqual(kept(temp.open({ migrations: newer })), ['before', 'acknowledged'])
})

test('a newer file without a copy to go back to is refused with what to do, and left untouched', () => {
  using temp = new TempJournal()
  temp.open({ migrations: temp.migrations(second) }).close()
  const bytes = readFileSync(temp.path)
  const says = (error: { code: string; message: string }): boolean =>
    error.code === 'KSI_SCHEMA_NEWER' &&
    error.message.includes(`schema ${last + 1}, this code knows ${last}`) &&
    error.message.includes(temp.path)
  assert.throws(() => checkSchema(temp.path), says)
  assert.throws(() => temp.open(), says)
  assert.ok(readFileSync(temp.path).equals(bytes))
})

test('the copy is whole also while a reader keeps a part of the journal in the WAL', () => {
  using temp = new TempJournal()
  const before = temp.open()
  before.flush()
  const reader = openForReading(temp.path)
  reader.exec('BEGIN; SELECT * FROM events')
  emit(before, 'in the WAL only')
  temp.open({ migrations: temp.migrations(second) }).close()
  const copy = openForReading(asidePath(temp.path, last))
  assert.deepEqual(copy.prepare('SELECT name FROM events').pluck().all(), ['in the WAL only'])
  assert.equal(copy.pragma('user_version', { simple: true }), last)
  copy.close()
  reader.close()
})

test('a migration that fails changes nothing', () => {
  using temp = new TempJournal()
  emit(temp.open(), 'before')
  const broken = temp.migrations({
    ...second,
    [numbered(last + 2, 'broken')]: 'CREATE TABLE third (x); INSERT INTO nowhere VALUES (1)',
  })
  assert.throws(() => temp.open({ migrations: broken }), /nowhere/)
  const journal = temp.open()
  assert.deepEqual([versionOf(journal), kept(journal)], [last, ['before']])
  assert.equal(
    databaseOf(journal).prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('extra', 'third')").pluck().get(),
    0,
  )
})

test('kill -9 in the middle of a migration leaves the old schema usable, and it can be migrated again', async () => {
  using temp = new TempJournal()
  emit(temp.open(), 'before')
  const deadly = temp.migrations({
    ...second,
    [numbered(last + 2, 'dies')]: 'INSERT INTO extra VALUES (1); SELECT die(); CREATE TABLE third (x)',
  })
  const child = runModule(`
    import { openForWriting } from 'STORE/open.ts'
    import { migrate } from 'STORE/migrate.ts'
    const { db } = openForWriting(${JSON.stringify(temp.path)})
    db.function('die', () => process.kill(process.pid, 'SIGKILL'))
    migrate(${JSON.stringify(temp.path)}, db, ${JSON.stringify(deadly)})`)
  const [, signal] = (await once(child, 'exit')) as [number | null, string]
  assert.equal(signal, 'SIGKILL')
  const old = temp.open({ suspect: true })
  assert.deepEqual([versionOf(old), kept(old), old.report.salvaged], [last, ['before'], undefined])
  emit(old, 'goes on')
  const next = temp.open({ migrations: temp.migrations(second) })
  assert.deepEqual([versionOf(next), kept(next), next.report.migratedFrom], [last + 1, ['before', 'goes on'], last])
})

test('standby looks at a file that is missing or damaged without complaint: opening it for writing will tell', () => {
  using temp = new TempJournal()
  checkSchema(temp.path)
  assert.equal(existsSync(temp.path), false)
  temp.open().close()
  rmSync(temp.path)
  checkSchema(temp.path)
})

const adds = {
  [numbered(last + 1, 'more.compatible')]: `-- Adds; and says so.
    ALTER TABLE requests ADD COLUMN more TEXT; CREATE TABLE extra (x); CREATE INDEX extra_x ON extra (x);`,
}

test('after a migration that only adds, the code before works on the file, and newer code goes on with it', () => {
  using temp = new TempJournal()
  const [older, newer] = [temp.migrations(), temp.migrations(adds)]
  emit(temp.open({ migrations: older }), 'before')
  const journal = temp.open({ migrations: newer })
  goLive(journal, 'newer')
  emit(journal, 'acknowledged')
  checkSchema(temp.path, older)
  const back = temp.open({ migrations: older })
  new TestQueue(back).accept('r1', 'c1')
  assert.deepEqual([versionOf(back), back.report.putBack], [last + 1, false])
  assert.ok(back.epoch > journal.epoch)
  const again = temp.open({ migrations: newer })
  assert.deepEqual(kept(again), ['before', 'acknowledged', 'completion:queued'])
  assert.equal(again.report.migratedFrom, undefined, 'it is not migrated a second time')
})

test('one migration that does more is enough to refuse it; its name is told, and what the copy of before lacks', () => {
  using temp = new TempJournal()
  const [older, newer] = [
    temp.migrations(),
    temp.migrations({ ...adds, [numbered(last + 2, 'other')]: 'DROP TABLE extra;' }),
  ]
  const before = new TestQueue(temp.open({ migrations: older }))
  before.accept('r0', 'c0')
  const journal = temp.open({ migrations: newer })
  goLive(journal, 'newer')
  new TestQueue(journal).accept('r1', 'c1')
  new TestQueue(journal).accept('r2', 'c2')
  const says = ({ code, message }: { code: string; message: string }): boolean =>
    code === 'KSI_SCHEMA_NEWER' &&
    /It went through \d+_other\.sql, after/.test(message) &&
    message.includes(`${asidePath(temp.path, last)}: it lacks 2 requests accepted and 0 outcomes reached since`)
  assert.throws(() => checkSchema(temp.path, older), says)
  assert.throws(() => temp.open({ migrations: older }), says)
})

test('a migration that says it only adds, and does more, is refused before anything is done', () => {
  using temp = new TempJournal()
  temp.open().close()
  const sly = temp.migrations({
    [numbered(last + 1, 'sly.compatible')]: 'CREATE TABLE a (x);\nUPDATE requests SET rank = 0',
  })
  assert.throws(() => checkSchema(temp.path, sly), { code: 'KSI_CONFIG_INVALID', message: /UPDATE requests/ })
})

test('a migration that was edited after it was applied is refused by name, also where newer ones only add', () => {
  using temp = new TempJournal()
  const [as, edited] = [temp.migrations(adds), temp.migrations()]
  temp.open({ migrations: as }).close()
  appendFileSync(join(edited, '0002_runs.sql'), '-- edited')
  assert.throws(() => checkSchema(temp.path, edited), { code: 'KSI_MIGRATION_CHANGED', message: /0002_runs\.sql/ })
})
