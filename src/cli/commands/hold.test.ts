import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDaemon } from '../../client/testing/fake-daemon.ts'
import type { Hold } from '../../contracts/holds.ts'
import { runKsi } from '../testing/run-ksi.ts'
import { sampleCompletionStatus, sampleStatus } from '../testing/samples.ts'

const limit: Hold = {
  scope: 'provider',
  name: 'anthropic',
  cause: 'limit',
  reason: '429 slow down',
  since: new Date(Date.now() - 60_000).toISOString(),
  until: new Date(Date.now() + 7_200_000).toISOString(),
  phase: 'held',
  probe: null,
  times: 1,
}
const manual: Hold = { ...limit, scope: 'conversation', name: 'c1', cause: 'manual', reason: 'because', until: null }

test('hold, release and policy say what they mean, print sentences, and JSON for programs', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
  const path = join(dir, 'daemon.sock')
  const daemon = await new FakeDaemon({ path }).start()
  const asked: unknown[] = []
  const noted =
    <R>(reply: R) =>
    (data: unknown): R => {
      asked.push(data)
      return reply
    }
  daemon.answers['completion:holds'] = noted({
    holds: [limit, { ...limit, scope: 'model', name: 'echo/m', phase: 'probing', probe: 'r1' }, manual],
    total: 5,
  })
  daemon.answers['completion:hold'] = noted({ status: 'held', hold: manual })
  daemon.answers['completion:release'] = noted({ status: 'released', released: [manual] })
  daemon.answers['completion:policy'] = noted({
    scope: 'conversation',
    name: 'c1',
    on_failure: 'hold',
    tokens: 100,
    cost_usd: null,
    tokens_used: 40,
    cost_usd_used: 0.25,
  })
  daemon.answers['supervisor:status'] = () => sampleStatus()
  daemon.answers['completion:status'] = () => ({ ...sampleCompletionStatus(), holds: [limit], held: 3 })
  const ksi = (...args: string[]): ReturnType<typeof runKsi> => runKsi([...args, '--socket', path])
  const [list, json, status] = await Promise.all([ksi('hold'), ksi('hold', 'list', '--json'), ksi('status')])
  assert.match(list.stdout, /^anthropic is held until 20.*\((?:2 h 0|1 h 59) min from now\): limit, 429 slow down$/m)
  assert.match(list.stdout, /^echo\/m is held until its probe, r1, is answered/m)
  assert.match(list.stdout, /^conversation c1 is held until it is released \(ksi release\): manual, because$/m)
  assert.match(list.stdout, /^and 2 more$/m)
  assert.deepEqual((JSON.parse(json.stdout) as { holds: Hold[] }).holds[0], limit)
  assert.match(status.stdout, /^ {2}anthropic is held until .*: limit, 429 slow down$/m)
  assert.match(status.stdout, /and 2 more are held: ksi hold list/)
  asked.length = 0
  const held = await ksi('hold', 'conversation', 'c1', '--reason', 'because', '--for', '2m')
  const released = await ksi('release', 'all', '--reason', 'enough')
  const policy = await ksi('policy', 'session', 's1', '--tokens', '100', '--cost-usd', 'none', '--on-failure', 'hold')
  await ksi('policy', 'day', '--json')
  assert.deepEqual(asked, [
    { conversation_id: 'c1', reason: 'because', for_ms: 120_000 },
    { all: true, reason: 'enough' },
    { session_id: 's1', unset: ['cost_usd'], tokens: 100, on_failure: 'hold' },
    { day: true },
  ])
  assert.match(held.stdout, /^conversation c1 is held until it is released/)
  assert.match(released.stdout, /^conversation c1 is released \(it was held by manual: because\)\.$/m)
  assert.match(
    policy.stdout,
    /^conversation c1\n {2}tokens +40 of 100 in all\n {2}cost +0\.25 US dollars, no budget in all\n/,
  )
  for (const args of [
    ['hold', 'conversaton', 'c1'],
    ['hold', 'provider'],
    ['hold', 'all', 'of', 'it'],
    ['release'],
    ['policy', 'provider', 'echo'],
    ['policy', 'day', '--tokens', 'many'],
    ['policy', 'conversation', 'c1', '--on-failure', 'stop'],
  ]) {
    const { code, stderr } = await ksi(...args)
    assert.deepEqual([code, stderr.length > 10], [64, true], args.join(' '))
  }
  await daemon.stop()
  rmSync(dir, { recursive: true, force: true })
})
