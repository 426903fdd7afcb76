import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventAudit, SubscriberAudit, auditRuns } from '../testing/audit.ts'
import type { Data, Push } from '../testing/wire-client.ts'

/** Events of one conversation, as the journal would number them. */
function play(events: [event: string, id: string, data?: Data][]): string[] {
  const audit = new EventAudit()
  for (const [i, [event, request_id, data]] of events.entries())
    audit.take({ event, seq: i + 1, data: { request_id, conversation: 'c', priority: 'ASYNC', ...data } })
  return audit.problems
}

const start = { status: 'calling_provider' }

test('the audit of the soak tests finds nothing wrong with a life as it should be', () => {
  const problems = play([
    ['completion:queued', 'a'],
    ['completion:progress', 'a', start],
    ['completion:queued', 'b'],
    ['completion:queued', 'c'],
    ['completion:queued', 'urgent', { priority: 'INJECT' }],
    ['completion:queued', 'a', { again: true }],
    ['completion:progress', 'a', start],
    ['completion:cancelled', 'b'],
    ['completion:result', 'a'],
    ['completion:progress', 'urgent', start],
    ['completion:progress', 'urgent', { status: 'retrying' }],
    ['completion:progress', 'urgent', start],
    ['completion:failed', 'urgent', { reason: 'provider_error' }],
    ['completion:progress', 'c', start],
    ['completion:result', 'c'],
  ])
  assert.deepEqual(problems, [])
})

test('the audit of the soak tests sees two at once, the wrong order, a second outcome and a second acceptance', () => {
  const queued = ['a', 'b', 'c'].map((id): [string, string] => ['completion:queued', id])
  assert.match(
    play([...queued, ['completion:progress', 'a', start], ['completion:progress', 'b', start]])[0] ?? '',
    /b .*started while a was running/,
  )
  assert.match(play([...queued, ['completion:progress', 'b', start]])[0] ?? '', /b .*started before a/)
  assert.match(
    play([
      ['completion:queued', 'x'],
      ['completion:queued', 'i', { priority: 'INJECT' }],
      ['completion:progress', 'x', start],
    ])[0] ?? '',
    /before i/,
  )
  assert.match(
    play([...queued, ['completion:cancelled', 'a'], ['completion:cancelled', 'a']])[0] ?? '',
    /second outcome/,
  )
  assert.match(play([...queued, ['completion:result', 'a']])[0] ?? '', /completed but was not running/)
  assert.match(play([...queued, ['completion:queued', 'a']])[0] ?? '', /accepted twice/)
})

test('the audit of the soak tests counts what a subscriber missed or was told twice, and runs that are too many or overlap', () => {
  const subscriber = new SubscriberAudit(10, true)
  for (const seq of [11, 12, 15, 15, 14]) subscriber.take({ event: 'e', seq, data: {} } satisfies Push)
  assert.deepEqual([subscriber.missed, subscriber.doubled], [2, 2])
  const run = (request_id: string, from: number, to: number) => ({
    request_id,
    run_id: `${request_id}${from}`,
    duration_ms: to - from,
    time: to,
  })
  const problems = auditRuns(
    [run('a', 0, 50), run('b', 40, 60), run('b', 70, 80), run('c', 80, 90)],
    () => 'conversation',
    () => 1,
  )
  assert.deepEqual(problems, ['b was run 2 times', 'in conversation, b ran beside a'])
})
