import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import type { Data } from '../testing/wire-client.ts'
import { outcomesOf, sendWork, untilAllDone } from '../testing/work.ts'

test('an endless loop in a provider, and one that hears no abort, cost what ran beside them, told once', async () => {
  using project = makeProject()
  project.edit('src/runner/providers/echo.ts', (text) =>
    text.replace(
      '  const options = readOptions(input)\n',
      `  if (input.prompt === 'loop') for (;;);
  if (input.prompt === 'deaf') return new Promise(() => {})
  const options = readOptions(input)\n`,
    ),
  )
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000' })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const send = async (prompt: string, more: Data = {}): Promise<string> =>
    String((await client.request('completion:async', { prompt, ...more })).request_id)
  const wait = (request_id: string): Promise<Data> => client.request('completion:wait', { request_id })

  const deaf = await send('deaf', { session_id: 'd' })
  const behind = await send('behind', { session_id: 'd' })
  await client.until((c) => c.pushes.some(({ data }) => data.request_id === deaf && data.status === 'calling_provider'))
  await client.request('completion:cancel', { request_id: deaf })
  assert.equal((await wait(behind)).status, 'completed', 'its conversation goes on after the grace')

  const work = { conversations: 2, perConversation: 1, latencyMs: 1_500 }
  const plain = await sendWork(client, { ...work, tag: 'plain' })
  const again = await sendWork(client, { ...work, tag: 'again', extra: { on_restart: 'requeue' } })
  await client.until((c) => c.pushes.filter(({ data }) => data.status === 'calling_provider').length === 6)
  const loop = await send('loop')
  await untilAllDone(client, new Map([...plain, ...again, ['loops', [loop, deaf, behind]]]))
  const outcomes = outcomesOf(client)
  assert.equal(new Set(outcomes.map(({ request_id }) => request_id)).size, outcomes.length, 'each was told once')
  const reasons = new Map(outcomes.map(({ request_id, data }) => [request_id, data.reason]))
  assert.deepEqual(
    [...plain.values()].flat().map((id) => reasons.get(id)),
    ['daemon_restart', 'daemon_restart'],
  )
  assert.equal(reasons.get(loop), 'daemon_restart')
  assert.deepEqual(
    [...again.values()].flat().map((id) => reasons.get(id)),
    [undefined, undefined],
  )
})

test('a runner that never answers holds up nobody for ever: limits and cancels hold over save and crash', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const send = (request_id: string, more: Data): Promise<Data> =>
    client.request('completion:async', { prompt: 'x', request_id, ...more })
  const slow = { extra_body: { echo: { latency_ms: 60_000 } } }
  await send('a', { session_id: 'a', ...slow })
  await send('a2', { session_id: 'a' })
  await send('b', { session_id: 'b', timeout_ms: 1_000, extra_body: { echo: { latency_ms: 900 } } })
  const begun = (id: string): Promise<void> =>
    client.until(
      (c) => c.pushes.some(({ data }) => data.request_id === id && data.status === 'calling_provider'),
      30_000,
    )
  await begun('b')
  const runner = await ksi.runnerPid()
  const host = childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('runner/host'))?.pid ?? 0
  // The host would end a runner that stands still: here nobody does.
  for (const pid of [host, runner]) assert.ok(signal(pid, 'SIGSTOP'))
  await client.request('completion:cancel', { request_id: 'a' })
  await client.request('system:reload')
  signal(await ksi.livePid(), 'SIGKILL')
  await client.until((c) => c.pushes.some(({ data }) => data.request_id === 'b' && data.status === 'retrying'), 30_000)
  const { session } = (await client.request('completion:session_status', { session_id: 'a' })) as { session: Data }
  assert.equal(session.is_locked, false, 'the cancelled run holds its conversation no longer')
  for (const pid of [runner, host]) assert.ok(signal(pid, 'SIGCONT'))
  await untilAllDone(client, new Map([['all', ['a', 'a2', 'b']]]))
  const told = outcomesOf(client).map(({ request_id, event }) => `${request_id} ${event}`)
  assert.deepEqual(told.sort(), ['a completion:cancelled', 'a2 completion:result', 'b completion:result'])
})
