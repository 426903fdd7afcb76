import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { outcomesOf, sendWork, untilAllDone } from '../testing/work.ts'
import type { Data } from '../testing/wire-client.ts'

test('SIGTERM leaves a checkpoint; the next start goes on, tells once what was lost, also who was away', async () => {
  using project = makeProject()
  let since = 0
  let sent = new Map<string, string[]>()
  {
    await using ksi = await Ksi.start(project)
    using client = await ksi.client()
    since = Number((await client.request('monitor:subscribe', { event_patterns: ['*'] })).last_seq)
    sent = await sendWork(client, { conversations: 3, perConversation: 3, latencyMs: 1_500 })
    await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 3)
    const exit = ksi.stop()
    await client.until((c) => c.cut)
    assert.equal(
      client.pushes.filter((push) => push.event === 'system:shutdown_notification').length,
      1,
      'the shutdown is told once',
    )
    assert.equal(await exit, 0)
  }
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'], since })
  await untilAllDone(client, sent)
  const outcomes = outcomesOf(client)
  assert.equal(outcomes.length, 9, 'each request has one outcome')
  for (const [session, ids] of sent) {
    const mine = outcomes.filter(({ data }) => data.session_id === session)
    assert.deepEqual(
      mine.map(({ request_id }) => request_id),
      ids,
      'in order',
    )
    assert.deepEqual(
      mine.map(({ event, data }) => [event, data.reason]),
      [
        ['completion:failed', 'daemon_restart'],
        ['completion:result', undefined],
        ['completion:result', undefined],
      ],
    )
    const lost = await client.request('completion:status', { request_id: ids[0] })
    assert.deepEqual([lost.status, lost.reason], ['failed', 'daemon_restart'])
  }
  const kept = readFileSync(project.path('var/logs/daemon.log'), 'utf8')
  for (const generation of [1, 2])
    assert.match(kept, new RegExp(`"msg":"generation ${generation} is live`), 'what ksi logs tells')
  const { checkpoints } = (await client.request('dev:checkpoint', { action: 'list' })) as { checkpoints: Data[] }
  const left = checkpoints.find((checkpoint) => checkpoint.reason === 'shutdown')
  assert.deepEqual([left?.queued, left?.active, left?.restored_by], [6, 3, 2])
})

test('a checkpoint shows the queues by session in order, and what was running, in the shape of the plan', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:progress'] })
  await sendWork(client, { conversations: 2, perConversation: 3, latencyMs: 1_000 })
  await client.request('completion:inject', { prompt: 'first', session_id: 'c0', request_id: 'c0-inject' })
  await client.until((c) => c.pushes.length >= 2)
  const saved = await client.request('dev:checkpoint', {})
  assert.deepEqual([saved.status, saved.queued_requests, saved.active_requests], ['saved', 5, 2])
  const content = (await client.request('dev:checkpoint', { action: 'show', checkpoint: saved.checkpoint })) as {
    session_queues: Record<string, { request_id: string; status: string; data: Data }[]>
    active_operations: Record<string, Data>
  }
  assert.deepEqual(
    content.session_queues.c0?.map((entry) => entry.request_id),
    ['c0-inject', 'c0-1', 'c0-2'],
  )
  assert.deepEqual(
    content.session_queues.c1?.map((entry) => [entry.request_id, entry.status, entry.data.prompt]),
    [
      ['c1-1', 'queued', 'say c1-1'],
      ['c1-2', 'queued', 'say c1-2'],
    ],
  )
  assert.deepEqual(Object.keys(content.active_operations).sort(), ['c0-0', 'c1-0'])
  const { status, session_id, started_at, client_info } = content.active_operations['c0-0'] ?? {}
  assert.deepEqual([status, session_id, (client_info as Data).transport], ['processing', 'c0', 'unix'])
  assert.match(String(started_at), /^\d{4}-/)
})

test('in production the queue is kept; with KSI_CHECKPOINT=off var/db stays empty and so is each start', async () => {
  using project = makeProject()
  for (const [env, kept] of [
    [{ KSI_MODE: 'production', KSI_CHECKPOINT: 'off' }, 0] as const,
    [{ KSI_MODE: 'production' }, 2] as const,
  ]) {
    {
      await using ksi = await Ksi.start(project, env)
      using client = await ksi.client()
      await sendWork(client, { conversations: 1, perConversation: 3, latencyMs: 5_000 })
      await client.request('completion:status')
      await ksi.stop()
    }
    const db = project.path('var/db')
    const files = existsSync(db) ? readdirSync(db) : []
    if (kept === 0) assert.deepEqual(files, [])
    else assert.ok(files.includes('checkpoint.db'), files.join(' '))
    await using ksi = await Ksi.start(project, env)
    using client = await ksi.client()
    const status = (await client.request('completion:status')) as { status_counts: Record<string, number> }
    assert.equal((status.status_counts.queued ?? 0) + (status.status_counts.processing ?? 0), kept)
    const reload = await client.request('system:reload')
    assert.equal(reload.status, 'reloaded')
    assert.equal(client.cut, false)
  }
})

test('each prompt and response stands once in its file, the prompt first, over reloads and a crash', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 2, perConversation: 20, latencyMs: 10 })
  for (let i = 0; i < 3; i++) {
    await client.request('system:reload')
    process.kill(await ksi.livePid(), 'SIGKILL')
  }
  await untilAllDone(client, sent)
  await client.request('system:health')
  for (const [session, ids] of sent) {
    const lines = readFileSync(project.path(`var/logs/responses/${session}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Data)
    const told = lines.map((line) =>
      'ksi' in line ? `response ${String((line.ksi as Data).request_id)}` : `prompt ${String(line.request_id)}`,
    )
    assert.deepEqual(
      told,
      ids.flatMap((id) => [`prompt ${id}`, `response ${id}`]),
    )
  }
})
