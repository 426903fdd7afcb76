import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BootFailure } from '../contracts/control.ts'
import type { NewBoot } from './boots.ts'
import { TempJournal } from './testing/temp-journal.ts'

const boot = (number: number, more: Partial<NewBoot> = {}): NewBoot => ({
  boot_id: `boot-${number}`,
  generation: number,
  cause: 'save',
  files: ['src/daemon/health.ts'],
  at: number * 1_000,
  previous_end: 'handover',
  now: number * 1_000 + 500,
  ...more,
})
const restored = { queued: 1, adopted: 2, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 3 }
const iso = (ms: number): string => new Date(ms).toISOString()

test('a boot is on record from its cause to its end, the newest first', () => {
  using temp = new TempJournal()
  const { boots } = temp.open()
  assert.equal(boots.open(boot(1)), 'none')
  boots.live('boot-1', 1_600, restored)
  boots.phases('boot-1', { import: 20, total: 50 })
  boots.ended('boot-1', 'handover', 1_900)
  assert.equal(boots.open(boot(2)), 'handover')
  const [newest, first] = boots.list(2)
  assert.deepEqual([newest?.boot_id, newest?.live_at, newest?.end], ['boot-2', null, null])
  assert.deepEqual(first, {
    boot_id: 'boot-1',
    generation: 1,
    cause: 'save',
    files: ['src/daemon/health.ts'],
    at: iso(1_000),
    live_at: iso(1_600),
    ended_at: iso(1_900),
    end: 'handover',
    previous_end: 'none',
    previous_detail: null,
    phases: { import: 20, total: 50 },
    restored,
    error: null,
  })
})

test('who could not close its own record has it closed by the next, with what was seen of its end', () => {
  using temp = new TempJournal()
  const { boots } = temp.open()
  boots.open(boot(1))
  assert.equal(boots.open(boot(2, { previous_end: 'crash', previous_detail: 'signal SIGKILL' })), 'crash')
  assert.equal(boots.open(boot(3, { previous_end: 'none' })), 'never-ended')
  const [, second, first] = boots.list(3)
  assert.deepEqual([first?.end, first?.ended_at], ['crash: signal SIGKILL', iso(2_500)])
  assert.deepEqual(
    [second?.end, second?.previous_end, second?.previous_detail],
    ['never-ended', 'crash', 'signal SIGKILL'],
  )
})

test('a boot that never went live is on record with its error, once', () => {
  using temp = new TempJournal()
  const { boots } = temp.open()
  const error = { message: 'Unexpected token', code: 'ERR_INVALID_TYPESCRIPT_SYNTAX', stack: 'at x' }
  const failure: BootFailure = { boot_id: 'f', cause: 'save', files: ['a.ts'], phase: 'import', error, at: 5_000 }
  boots.failed(failure)
  boots.failed({ ...failure, error: { message: 'another' } })
  const [record, ...more] = boots.list(10)
  assert.deepEqual([record?.generation, record?.end, record?.error, more], [null, 'failed', { message: 'another' }, []])
  assert.ok(record?.ended_at !== null)
})
