import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import * as fc from 'fast-check'
import type { Journal } from './journal.ts'
import { TempJournal } from './testing/temp-journal.ts'
import type { SyncFile } from './wal-sync.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const write = (journal: Journal, name = 'e'): number => journal.tx(() => journal.emitAny(name, {}))

/** A disk whose syncs end when the test says so. */
class Disk {
  readonly #ends: ((error: Error | null) => void)[] = []
  begun = 0
  readonly sync: SyncFile = (_fd, done) => {
    this.begun += 1
    this.#ends.push(done)
  }

  end(error: Error | null = null): void {
    this.#ends.shift()?.(error)
  }
}

function openOn(temp: TempJournal, disk: Disk): { journal: Journal; heard: number[]; troubles: string[] } {
  const troubles: string[] = []
  const onTrouble = (error: Error): unknown => troubles.push(error.message)
  const journal = temp.open({ durability: 'disk', sync: disk.sync, onTrouble })
  const heard: number[] = []
  journal.onEvents((events) => heard.push(...events.map(({ seq }) => seq)))
  return { journal, heard, troubles }
}

test('what is told is on disk: listeners, readers of the outbox and callers wait for its sync', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const { journal, heard } = openOn(temp, disk)
  write(journal)
  let acknowledged = false
  journal.whenSynced(() => (acknowledged = true))
  await turn()
  assert.deepEqual([disk.begun, heard, journal.events.after(0, 10), journal.events.lastSeq()], [1, [], [], 0])
  assert.equal(acknowledged, false)
  disk.end()
  assert.deepEqual([heard, journal.events.lastSeq(), acknowledged], [[1], 1, true])
  journal.whenSynced(() => heard.push(0))
  assert.deepEqual(heard, [1, 0], 'with nothing to wait for at once')
})

test('one sync covers a turn, and while it is under way the next group forms by itself', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const { journal, heard } = openOn(temp, disk)
  for (let i = 0; i < 5; i++) write(journal)
  await turn()
  for (let i = 0; i < 3; i++) write(journal)
  await turn()
  assert.equal(disk.begun, 1)
  disk.end()
  assert.deepEqual([heard, disk.begun], [[1, 2, 3, 4, 5], 2], 'what came during a sync is not covered by it')
  disk.end()
  await turn()
  assert.deepEqual([heard.length, disk.begun], [8, 2])
})

test('a disk that takes its time stops nobody: transactions and timers go on', async () => {
  using temp = new TempJournal()
  let syncs = 0
  const slow: SyncFile = (_fd, done) => {
    syncs += 1
    setTimeout(() => done(null), 300)
  }
  const journal = temp.open({ durability: 'disk', sync: slow })
  const begun = performance.now()
  const told: number[] = []
  journal.onEvents((events) => told.push(...events.map(({ seq }) => seq)))
  for (let i = 0; i < 20; i++) {
    write(journal)
    await turn()
  }
  assert.ok(performance.now() - begun < 250)
  assert.deepEqual(told, [])
  while (told.length < 20) await delay(10)
  assert.deepEqual([syncs, told.at(-1)], [2, 20])
})

test('a sync that fails acknowledges nothing; what is kept is told once another way has made it safe', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const { journal, heard, troubles } = openOn(temp, disk)
  write(journal)
  const replies: string[] = []
  journal.whenSynced(
    () => replies.push('acknowledged'),
    (error) => replies.push(error.message),
  )
  await turn()
  disk.end(Object.assign(new Error('EIO'), { code: 'EIO' }))
  assert.deepEqual([replies, heard, journal.trouble?.message], [['EIO'], [], 'EIO'])
  write(journal)
  journal.whenSynced(() => replies.push('acknowledged'))
  await turn()
  assert.equal(disk.begun, 1, 'the kernel may say well the next time, and lie: the file itself is synced')
  assert.deepEqual([replies, heard, journal.trouble], [['EIO', 'acknowledged'], [1, 2], undefined])
  assert.deepEqual(troubles, ['EIO'])
})

test('a flush makes all that waits safe at once', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const { journal, heard } = openOn(temp, disk)
  write(journal)
  journal.flush()
  assert.deepEqual(heard, [1])
  await turn()
  assert.equal(disk.begun, 0)
})

test('what another generation wrote is synced at once, and counts as safe only after that', async () => {
  using temp = new TempJournal()
  write(temp.open())
  const disk = new Disk()
  const { journal } = openOn(temp, disk)
  let isSafe = false
  const synced = journal.synced().then(() => (isSafe = true))
  assert.equal(disk.begun, 1)
  await turn()
  assert.equal(isSafe, false)
  disk.end()
  await synced
  const failing = journal.synced()
  disk.end(new Error('EIO'))
  await assert.rejects(failing, /EIO/)
})

test('who has nothing else to do syncs at once: what waited is told when that returns', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  let syncs = 0
  const syncNow = (): unknown => (syncs += 1)
  const journal = temp.open({ durability: 'disk', sync: disk.sync, syncNow })
  const told: string[] = []
  write(journal)
  journal.whenSynced(() => told.push('first'))
  journal.hurry()
  journal.hurry()
  await turn()
  assert.deepEqual([told, syncs, disk.begun], [['first'], 1, 0])
  write(journal)
  journal.whenSynced(() => told.push('second'))
  await turn()
  journal.hurry()
  assert.deepEqual([told, syncs, disk.begun], [['first'], 1, 1], 'a sync under way is waited for')
})

test('where others wait meanwhile, or the disk is slow, a thread syncs and the next group forms', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const slowly = (): void => {
    for (const end = performance.now() + 3; performance.now() < end;);
  }
  const slow = temp.open({ durability: 'disk', sync: disk.sync, syncNow: slowly })
  const writeAndHurry = (journal: Journal): void => {
    write(journal)
    journal.hurry()
  }
  for (let i = 0; i < 5; i++) {
    await delay(5)
    writeAndHurry(slow)
    await turn()
    disk.end()
  }
  assert.ok(disk.begun > 0)
  const before = disk.begun
  const fast = temp.open({ bootId: 'next', durability: 'disk', sync: disk.sync, syncNow: () => {} })
  for (let i = 0; i < 5; i++) writeAndHurry(fast)
  await turn()
  assert.equal(disk.begun, before + 1)
})

test('a sync at once that fails acknowledges nothing', async () => {
  using temp = new TempJournal()
  const fails = (): never => {
    throw new Error('EIO')
  }
  const journal = temp.open({ durability: 'disk', syncNow: fails, onTrouble: () => {} })
  write(journal)
  const said = new Promise<Error | undefined>((resolve) => journal.whenSynced(() => resolve(undefined), resolve))
  journal.hurry()
  assert.equal((await said)?.message, 'EIO')
})

test('with KSI_DURABILITY=process nothing waits and nothing is synced', async () => {
  using temp = new TempJournal()
  const disk = new Disk()
  const journal = temp.open({ durability: 'process', sync: disk.sync })
  const heard: number[] = []
  journal.onEvents((events) => heard.push(...events.map(({ seq }) => seq)))
  write(journal)
  assert.deepEqual(heard, [1])
  await turn()
  assert.equal(disk.begun, 0)
})

type Step = 'write' | 'turn' | 'end' | 'fail' | 'flush' | 'synced'
const step = fc.constantFrom<Step>('write', 'write', 'turn', 'end', 'end', 'fail', 'flush', 'synced')

test('however syncs end, events are told once, in order, and never before a sync that began after them', async () => {
  const check = async (steps: Step[]): Promise<void> => {
    using temp = new TempJournal()
    const disk = new Disk()
    const { journal, heard } = openOn(temp, disk)
    for (const one of steps) {
      if (one === 'write') write(journal)
      else if (one === 'turn') await turn()
      else if (one === 'flush') journal.flush()
      else if (one === 'synced') journal.synced().catch(() => {})
      else disk.end(one === 'fail' ? new Error('EIO') : null)
      assert.deepEqual(
        heard,
        heard.map((_, i) => i + 1),
      )
    }
    journal.flush()
    const total = journal.events.lastSeq()
    assert.equal(heard.length, total)
  }
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), check), { numRuns: 30 })
})
