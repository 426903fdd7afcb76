import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { StatusDocument } from '../../contracts/status.ts'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { outcomesOf, sendWork, untilAllDone } from '../../testing/work.ts'
import type { Sent } from '../../testing/work.ts'

describe('stopping and recreating in the real stack', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    // Shorter than what runs here.
    stack = await Stack.up({ KSI_DRAIN_MS: '1000' })
  })
  after(() => stack[Symbol.asyncDispose]())

  const ways: { name: string; tag: string; end: () => Promise<unknown> }[] = [
    { name: 'docker compose stop and up', tag: 'stop', end: () => stack.compose('stop') },
    { name: 'docker compose up --force-recreate', tag: 'recreate', end: async () => {} },
    { name: 'docker kill of the runner', tag: 'kill', end: () => stack.docker('runner', 'kill') },
  ]
  for (const { name, tag, end } of ways) {
    test(`${name}: the queue goes on in order; what takes longer is lost and told once, or runs again`, async () => {
      let since = 0
      let plain: Sent
      let again: Sent
      {
        using client = await stack.client()
        since = Number((await client.request('monitor:subscribe', { event_patterns: ['*'] })).last_seq)
        plain = await sendWork(client, { conversations: 3, perConversation: 3, latencyMs: 3_000, tag: `${tag}-fail` })
        again = await sendWork(client, {
          conversations: 2,
          perConversation: 2,
          latencyMs: 3_000,
          tag: `${tag}-again`,
          extra: { on_restart: 'requeue' },
        })
        await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 5)
      }
      await end()
      await stack.compose('up', '--detach', '--wait', ...(tag === 'recreate' ? ['--force-recreate'] : []))
      await stack.untilLive()
      using client = await stack.client()
      await client.request('monitor:subscribe', { event_patterns: ['*'], since })
      const sent: Sent = new Map([...plain, ...again])
      await untilAllDone(client, sent, 60_000)
      for (const [session, ids] of sent) {
        const mine = outcomesOf(client).filter(({ data }) => data.session_id === session)
        assert.deepEqual(
          mine.map(({ request_id }) => request_id),
          ids,
          `${session}: once each, in order`,
        )
        const first = mine[0]
        assert.deepEqual(
          [first?.event, first?.data.reason],
          plain.has(session) ? ['completion:failed', 'daemon_restart'] : ['completion:result', undefined],
        )
        for (const { event } of mine.slice(1)) assert.equal(event, 'completion:result')
      }
    })
  }

  const newest = (document: StatusDocument, reason: string): number =>
    document.journal.facts?.checkpoints.find((checkpoint) => checkpoint.reason === reason)?.id ?? 0

  test('pre_stop leaves a checkpoint with that reason, and the sidecar saw the hook', async () => {
    const had = newest(await stack.untilDocument((document) => document.journal.ok), 'pre-stop')
    await stack.compose('stop', 'daemon')
    const sawHook = (document: StatusDocument): boolean =>
      document.docker.facts?.events.some(
        (event) => event.service === 'daemon' && event.action.startsWith('exec_die'),
      ) ?? false
    await stack.untilDocument(
      (document) => document.status === 'fail' && /down|stopped|No answer/i.test(document.summary) && sawHook(document),
    )
    await stack.compose('up', '--detach', '--wait')
    const up = await stack.untilDocument((document) => document.status === 'pass')
    assert.ok(newest(up, 'pre-stop') > had)
  })

  test('the pre_stop command exits 0 within 5 s also when the daemon hangs, and when it is dead', async (t) => {
    const hook = [
      'exec',
      '--no-TTY',
      'daemon',
      'ksi',
      'checkpoint',
      'create',
      '--reason',
      'pre-stop',
      '--best-effort',
      '--timeout',
      '5s',
    ]
    const { pid } = await stack.status()
    const node = (code: string): Promise<string> => stack.compose('exec', '--no-TTY', 'daemon', 'node', '-e', code)
    await node(`process.kill(${pid}, 'SIGSTOP')`)
    const began = performance.now()
    const hanging = await stack.compose(...hook)
    t.diagnostic(`hanging: exit 0 after ${Math.round(performance.now() - began)} ms, ${hanging.trim()}`)
    assert.ok(performance.now() - began < 6_500, 'the command itself has 5 s; docker compose exec takes its share')
    assert.match(hanging, /checkpoint/)
    await node(`process.kill(${pid}, 'SIGCONT')`)
    await stack.untilLive()
    // Dead: nothing listens where the command looks.
    const dead = await stack.compose(...hook, '--socket', '/app/var/run/nobody.sock')
    assert.match(dead, /checkpoint/)
  })
})
