import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

const hourMs = 3_600_000
const all = { since: 0, agent_id: null, model: null, conversation: null }
const used = (input_tokens: number, cost_usd?: number) => ({
  input_tokens,
  output_tokens: 10,
  cache_read_tokens: 2,
  cache_write_tokens: 1,
  ...(cost_usd !== undefined && { cost_usd }),
})

test('what runs have used is summed by request, conversation, agent, model and time; cost where it was told', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const day = 20_000 * 24 * hourMs
  const use = (id: string, conversation: string, usage: ReturnType<typeof used>, at: number): void => {
    queue.start(id)
    const row = journal.requests.get(id)
    assert.ok(row)
    journal.tx(() => journal.runs.usage.add({ ...row, conversation, agent_id: id === 'c' ? 'ann' : null }, usage, at))
  }
  for (const [id, conversation] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const)
    queue.accept(id, conversation)
  use('a', 'one', used(100), day)
  queue.finish('a', 'completed')
  use('b', 'one', used(50, 0.25), day + 2 * hourMs)
  use('c', 'two', used(1_000, 0.5), day + 25 * hourMs)
  const total = {
    runs: 3,
    input_tokens: 1_150,
    output_tokens: 30,
    total_tokens: 1_180,
    cache_read_tokens: 6,
    cache_write_tokens: 3,
    cost_usd: 0.75,
  }
  assert.deepEqual(journal.runs.usage.total(all), total)
  const costs = (sums: Record<string, { runs: number; cost_usd: number | null }>) =>
    Object.entries(sums).map(([name, { runs, cost_usd }]) => [name, runs, cost_usd])
  assert.deepEqual(costs(journal.runs.usage.by('conversation', all, 9)), [
    ['two', 1, 0.5],
    ['one', 2, 0.25],
  ])
  assert.deepEqual(costs(journal.runs.usage.by('agent', all, 9)), [
    ['ann', 1, 0.5],
    ['', 2, 0.25],
  ])
  assert.deepEqual(costs(journal.runs.usage.by('day', all, 9)), [
    ['2024-10-05', 1, 0.5],
    ['2024-10-04', 2, 0.25],
  ])
  assert.deepEqual(costs(journal.runs.usage.by('model', all, 1)), [['echo/echo', 3, 0.75]])
  const since = 20_000 * 24 + 2
  assert.deepEqual(
    [journal.runs.usage.total({ ...all, since }).runs, journal.runs.usage.total({ ...all, agent_id: 'ann' }).runs],
    [2, 1],
  )
  const nothing = journal.runs.usage.total({ ...all, conversation: 'three', model: 'x' })
  assert.deepEqual([nothing.runs, nothing.cost_usd], [0, null])
  const row = journal.requests.get('a')
  assert.ok(row)
  const first = journal.runs.usage.ofRequest(row)
  assert.deepEqual([first?.runs, first?.input_tokens, first?.cost_usd], [1, 100, null])
  assert.equal(
    journal.tx(() => journal.runs.usage.trim(day + 24 * 400 * hourMs + hourMs)),
    1,
    'sums of long ago go',
  )
})
