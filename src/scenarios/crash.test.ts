import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, outcomesOf, sendWork, untilAllDone } from '../testing/work.ts'

test('kill -9 of the live generation at work: back within 1 s, everything finishes, nothing runs twice', async (t) => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 20, perConversation: 4, latencyMs: 300 })
  const back: number[] = []
  for (let i = 0; i < 5; i++) {
    const pid = await ksi.livePid()
    const killed = performance.now()
    process.kill(pid, 'SIGKILL')
    // Sent into the gap: held by the front, answered by the next generation.
    while ((await ksi.livePid()) === pid) await delay(1)
    back.push(performance.now() - killed)
    await delay(100)
  }
  t.diagnostic(`kill -9 → next generation answers: ${back.map((ms) => Math.round(ms)).join(', ')} ms`)
  assert.ok((back.sort((a, b) => a - b)[2] ?? 0) < 1_000, 'the median; the machine may be busy')
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
  const status = await ksi.status()
  assert.equal(status.crashes, 5)
})

test('a live generation that stops answering is noticed and replaced', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000' })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 4, perConversation: 3, latencyMs: 200 })
  process.kill(await ksi.livePid(), 'SIGSTOP')
  const status = await ksi.untilStatus((now) => now.crashes === 1 && now.phase === 'live')
  assert.equal(status.generation, 2)
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
})

test('a killed runner loses only what it ran: told once, or run again where asked; the rest goes on', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const plain = await sendWork(client, { conversations: 3, perConversation: 2, latencyMs: 700, tag: 'fail' })
  const again = await sendWork(client, {
    conversations: 3,
    perConversation: 2,
    latencyMs: 700,
    tag: 'again',
    extra: { on_restart: 'requeue' },
  })
  await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 6)
  const pid = await ksi.runnerPid()
  process.kill(pid, 'SIGKILL')
  await untilAllDone(client, new Map([...plain, ...again]))
  const outcomes = outcomesOf(client)
  assert.equal(outcomes.length, 12)
  for (const { request_id, event, data } of outcomes) {
    const lost = request_id.startsWith('fail') && request_id.endsWith('-0')
    assert.equal(event, lost ? 'completion:failed' : 'completion:result', request_id)
    if (!lost) continue
    assert.equal(data.reason, 'daemon_restart')
    assert.equal(data.session_id, request_id.replace('-0', ''))
    assert.ok(data.started_at, 'the notice says when it had started')
    assert.equal((data.client_info as { transport: string }).transport, 'unix')
  }
  for (const [session, ids] of [...plain, ...again])
    assert.deepEqual(
      outcomes.filter(({ data }) => data.session_id === session).map(({ request_id }) => request_id),
      ids,
    )
})

test('when the supervisor is killed nobody is left behind, and the next start goes on in order', async () => {
  using project = makeProject()
  const sent = new Map<string, string[]>()
  const pids: number[] = []
  {
    await using ksi = await Ksi.start(project)
    using client = await ksi.client()
    for (const [session, ids] of await sendWork(client, {
      conversations: 4,
      perConversation: 3,
      latencyMs: 1_000,
      extra: { on_restart: 'requeue' },
    }))
      sent.set(session, ids)
    pids.push(await ksi.livePid(), await ksi.runnerPid())
    ksi.process.kill('SIGKILL')
    await ksi.exited
  }
  const limit = Date.now() + 5_000
  while (pids.some(isAlive) && Date.now() < limit) await delay(20)
  assert.deepEqual(pids.filter(isAlive), [], 'children have ended')
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'], since: 0 })
  await untilAllDone(client, sent)
  for (const [session, ids] of sent)
    assert.deepEqual(
      outcomesOf(client)
        .filter(({ data }) => data.session_id === session)
        .map(({ request_id }) => request_id),
      ids,
    )
})

test('a request that takes the daemon down twice is quarantined by name, and its conversation moves on', async () => {
  using project = makeProject()
  project.edit('src/daemon/completion/run-input.ts', (text) =>
    text.replace(
      '  const data = core.requests.payload(request.request_id)\n',
      "  const data = core.requests.payload(request.request_id)\n  if (data.prompt === 'poison') process.exit(7)\n",
    ),
  )
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  for (const prompt of ['before', 'poison', 'after'])
    await client.request('completion:async', { prompt, session_id: 'S', request_id: prompt })
  await client.until((c) => outcomesOf(c).length === 3)
  assert.deepEqual(
    outcomesOf(client).map(({ request_id, event, data }) => [request_id, event, data.reason]),
    [
      ['before', 'completion:result', undefined],
      ['poison', 'completion:failed', 'poison'],
      ['after', 'completion:result', undefined],
    ],
  )
  assert.equal((await ksi.status()).crashes, 2)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
