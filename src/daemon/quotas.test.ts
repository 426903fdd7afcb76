import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Core } from './core.ts'
import { registerHealth } from './health.ts'
import { TestRoot, accept, begin } from './testing/test-core.ts'
import { settle } from './completion/settle.ts'

const small = { KSI_MAX_JOURNAL_BYTES: '2000000', KSI_MAX_RESPONSE_BYTES: '2000000' }
const prompt = 'x'.repeat(100_000)

function fill(core: Core): number {
  for (let count = 0; ; count++) {
    try {
      accept(core, { prompt, request_id: `fill-${count}`, session_id: `s${count}` })
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'KSI_QUOTA_FULL')
      assert.match(String(error), /journal has \d+ bytes of the 2000000.*not taken.*KSI_REQUESTS_KEPT/)
      return count
    }
  }
}

test('a journal that has its bytes is said from 80 % on, takes no request more, and keeps every outcome', async () => {
  using root = new TestRoot()
  const core = root.core(small)
  registerHealth(core, Date.now())
  const filling = (): string[] => {
    const [health] = core.router.emit('system:health', {}) as [{ filling: string[] }]
    return health.filling
  }
  assert.deepEqual(filling(), [])
  let sent = 0
  while (filling().length === 0) accept(core, { prompt, request_id: `r${sent++}`, session_id: 'r' })
  assert.ok(sent > 10, `${sent} requests are 80 %`)
  assert.match(filling().join(), /^The journal .*KSI_MAX_JOURNAL_BYTES.*At 100 % new requests are refused/)
  const count = fill(core)
  assert.ok(count >= 1 && count <= 5, `${count} more were taken`)
  assert.equal(core.requests.total('queued'), sent + count, 'what was acknowledged is there')
  begin(core, 'r0')
  const row = core.requests.get('r0')
  assert.ok(row !== undefined)
  const response = { text: 'y'.repeat(500_000) }
  core.journal.tx(() =>
    settle(core, row, { status: 'completed', provider: 'echo', started_at: 1, duration_ms: 1, response }),
  )
  assert.equal(core.requests.get('r0')?.state, 'completed')
  await core.quotas.measure()
  assert.match(filling().join(), /New requests are refused/)
  assert.throws(() => accept(core, { request_id: 'tiny' }), { code: 'KSI_QUOTA_FULL' })
  assert.equal(accept(core, { prompt, request_id: 'r1', session_id: 'r' }), 'r1', 'known ones are still answered')
})

test('what is given free may be used again', async () => {
  using root = new TestRoot()
  const core = root.core(small)
  fill(core)
  core.journal.tx(() => {
    for (let i = 0; i < 9; i++)
      core.requests.finish(`fill-${i}`, {
        state: 'cancelled',
        now: 1,
        tick: core.journal.emitAny('x', {}),
        outcome: {},
      })
    core.journal.finished.trim(0, 500)
  })
  await core.quotas.measure()
  assert.equal(accept(core, { prompt, request_id: 'again' }), 'again')
})

test('response files count with what lay there, for the next generation too, until somebody moves them', async () => {
  using root = new TestRoot()
  const folder = join(root.dir, 'var/logs/responses')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'old.jsonl'), Buffer.alloc(1_700_000))
  const core = root.core(small)
  await core.quotas.measure()
  assert.match(core.quotas.filling.join(), /^The folder of response files has 1700000 .*Move old files/)
  accept(core, { request_id: 'a' })
  core.quotas.wrote(400_000)
  assert.throws(() => accept(core, { request_id: 'b' }), { code: 'KSI_QUOTA_FULL' })
  core.journal.tx(() => core.quotas.note())
  const next = root.core(small)
  assert.throws(() => accept(next, { request_id: 'b' }), { code: 'KSI_QUOTA_FULL' })
  rmSync(folder, { recursive: true })
  await next.quotas.measure()
  assert.deepEqual(next.quotas.filling, [])
  accept(next, { request_id: 'b' })
})
