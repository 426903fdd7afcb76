import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

const hourMs = 3_600_000
const noon = Date.parse('2026-11-24T12:00:00Z')

/** A machine with a clock that can be set, and one that cannot. */
class Machine {
  uptime = 5_000
  wall = noon
  boot: string | undefined = 'first'

  get source(): { uptimeMs: () => number; wallMs: () => number; machine: string | undefined } {
    return { uptimeMs: () => this.uptime, wallMs: () => this.wall, machine: this.boot }
  }

  pass(ms: number): void {
    this.uptime += ms
    this.wall += ms
  }
}

/** A request that has failed, and waits for half a minute by the clock of `journal`. */
function waiting(queue: TestQueue, id: string, now: number): void {
  queue.accept(id, id)
  queue.start(id)
  const notBefore = queue.journal.clock.now() + 30_000
  queue.journal.tx(() => queue.requests.requeue(id, { notBefore, uncounted: false, now, run: 'failed' }))
}

const waits = (queue: TestQueue): number => (queue.conversations.nextTryAt() ?? 0) - queue.journal.clock.now()

for (const [how, jump] of [
  ['an hour back', -hourMs],
  ['an hour ahead', hourMs],
] as const)
  test(`a clock that jumps ${how} changes nothing of a wait, in this generation and in the next`, () => {
    using temp = new TempJournal()
    const machine = new Machine()
    const queue = new TestQueue(temp.open({ time: machine.source }))
    waiting(queue, 'a', machine.wall)
    machine.pass(10_000)
    machine.wall += jump
    assert.equal(waits(queue), 20_000)
    const next = new TestQueue(temp.open({ time: machine.source }))
    assert.equal(waits(next), 20_000)
    const shown = next.journal.queues(9).map(({ not_before }) => Date.parse(not_before ?? ''))
    assert.deepEqual(shown, [machine.wall + 20_000], 'people are told by the clock they look at')
  })

test('a machine that sleeps wakes to a wait that went on', () => {
  using temp = new TempJournal()
  const machine = new Machine()
  const queue = new TestQueue(temp.open({ time: machine.source }))
  waiting(queue, 'a', machine.wall)
  machine.pass(hourMs)
  assert.ok(waits(queue) < 0)
})

test('over a start of the machine nobody waits longer than was meant, whatever its clock shows then', () => {
  for (const boot of ['second', undefined]) {
    using temp = new TempJournal()
    const machine = new Machine()
    waiting(new TestQueue(temp.open({ time: machine.source })), 'a', machine.wall)
    machine.boot = boot
    machine.uptime = 100
    machine.wall = noon - 24 * hourMs
    assert.equal(waits(new TestQueue(temp.open({ time: machine.source }))), 30_000, String(boot))
  }
})

test('an uptime that begins anew on the same machine, as in some containers, does not set the clock back', () => {
  using temp = new TempJournal()
  const machine = new Machine()
  waiting(new TestQueue(temp.open({ time: machine.source })), 'a', machine.wall)
  machine.uptime = 100
  machine.wall += 60_000
  assert.ok(waits(new TestQueue(temp.open({ time: machine.source }))) < 0)
})
