import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal, JournalEvent } from './journal.ts'
import { TempJournal, muchText, setFull } from './testing/temp-journal.ts'

const names = (events: JournalEvent[]): string[] => events.map(({ name }) => name)
const kept = (journal: Journal): string[] => names(journal.events.after(0, 10_000))

test('a full disk is an error that keeps nothing, and with room again work goes on', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const heard: string[] = []
  journal.onEvents((events) => heard.push(...names(events)))
  setFull(journal, true)
  const write = (): void =>
    journal.tx(() => {
      journal.emitAny('small', {})
      journal.emitAny('large', { muchText })
    })
  assert.throws(write, { code: 'SQLITE_FULL' })
  assert.deepEqual([kept(journal), heard], [[], []])
  setFull(journal, false)
  write()
  assert.deepEqual(
    [kept(journal), heard],
    [
      ['small', 'large'],
      ['small', 'large'],
    ],
  )
})

test('a disk that is full for one part fails the whole transaction, also when the error is caught in between', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const heard: string[] = []
  journal.onEvents((events) => heard.push(...names(events)))
  setFull(journal, true)
  const errors: unknown[] = []
  const batch = (): void =>
    journal.tx(() => {
      for (const [name, data] of [
        ['first', {}],
        ['large', { muchText }],
        ['last', {}],
      ] as const) {
        try {
          journal.tx(() => journal.emitAny(name, data))
          journal.afterCommit(() => heard.push(`call ${name}`))
        } catch (error) {
          errors.push(error)
        }
      }
    })
  assert.throws(batch, { code: 'SQLITE_FULL' })
  assert.equal(errors.length, 2, 'the part after it is refused: it would be kept without the first')
  assert.deepEqual([kept(journal), heard], [[], []])
  setFull(journal, false)
  batch()
  assert.deepEqual(kept(journal), ['first', 'large', 'last'])
})
