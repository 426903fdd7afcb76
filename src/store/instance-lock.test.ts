import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KsiError } from '../lib/errors.ts'
import { lockInstance } from './instance-lock.ts'
import { TempJournal, runModule } from './testing/temp-journal.ts'

test('a second process is refused while the first lives, and kill -9 frees the lock at once', async () => {
  using temp = new TempJournal()
  const paths = [join(temp.dir, 'made/run.lock'), join(temp.dir, 'db.lock')]
  const child = runModule(`
    import { lockInstance } from 'STORE/instance-lock.ts'
    globalThis.lock = lockInstance(${JSON.stringify(paths)})
    console.log('locked')
    setInterval(() => {}, 1_000)`)
  assert.ok(child.stdout)
  await once(child.stdout, 'data')
  for (const path of paths)
    assert.throws(
      () => lockInstance([path]),
      (error: unknown) =>
        error instanceof KsiError &&
        error.code === 'KSI_INSTANCE_RUNNING' &&
        error.exitCode === 75 &&
        error.message.includes('ksi stop'),
    )
  child.kill('SIGKILL')
  await once(child, 'exit')
  lockInstance(paths).release()
})

test('a lock that cannot be had whole is not kept in part', () => {
  using temp = new TempJournal()
  const [free, taken] = [join(temp.dir, 'free.lock'), join(temp.dir, 'taken.lock')]
  const other = lockInstance([taken])
  assert.throws(() => lockInstance([free, taken]), { code: 'KSI_INSTANCE_RUNNING' })
  lockInstance([free]).release()
  other.release()
  other.release()
  const both = lockInstance([free, taken, taken])
  assert.ok(existsSync(free))
  both.release()
})

test('a place that cannot be written is another error than a lock that is held', () => {
  using temp = new TempJournal()
  writeFileSync(join(temp.dir, 'file'), '')
  assert.throws(() => lockInstance([join(temp.dir, 'file/run.lock')]), { code: 'KSI_DB_NOT_WRITABLE' })
})
