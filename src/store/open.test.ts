import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KsiError } from '../lib/errors.ts'
import { explainStoreError } from './open.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'
import { databaseOf } from './testing/sound.ts'
import { openForWriting } from './open.ts'

const explained = (code: string): string => {
  const error = explainStoreError(Object.assign(new Error('told by the system'), { code }), 'this was not taken')
  assert.ok(error instanceof KsiError, code)
  assert.match(error.message, /so this was not taken\. ./, 'it says what to do')
  assert.doesNotMatch(error.code, /SQLITE/)
  return error.code
}

test('what the disk does is told in our own words: a failing one is not a full one', () => {
  for (const code of ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'SQLITE_IOERR_SHMSIZE'])
    assert.equal(explained(code), 'KSI_DISK_FULL')
  for (const code of ['EIO', 'SQLITE_IOERR', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_READ'])
    assert.equal(explained(code), 'KSI_DISK_FAILED')
  for (const code of ['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED'])
    assert.equal(explained(code), 'KSI_DB_BUSY')
  for (const code of ['SQLITE_CORRUPT', 'SQLITE_NOTADB']) assert.equal(explained(code), 'KSI_DB_DAMAGED')
  for (const code of ['SQLITE_READONLY_DBMOVED', 'SQLITE_CANTOPEN', 'EROFS', 'EACCES'])
    assert.equal(explained(code), 'KSI_DB_NOT_WRITABLE')
})

test('what has nothing to do with the disk stays as it is', () => {
  const error = new TypeError('x is not a function')
  assert.equal(explainStoreError(error, 'this was not taken'), error)
})

test('a journal that another program holds is said to be busy', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const { db } = openForWriting(temp.path)
  db.exec('BEGIN IMMEDIATE')
  databaseOf(journal).pragma('busy_timeout = 10')
  assert.throws(
    () => new TestQueue(journal).accept('one', 'conversation'),
    (error) => {
      const told = explainStoreError(error, 'this was not taken')
      return told instanceof KsiError && told.code === 'KSI_DB_BUSY'
    },
  )
  db.exec('ROLLBACK')
})
