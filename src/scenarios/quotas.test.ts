import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

test('a journal that has its bytes refuses what is new, runs what it took, and says so', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_MAX_JOURNAL_BYTES: '3000000', KSI_REQUESTS_KEPT: '10' })
  using client = await ksi.client()
  const prompt = 'x'.repeat(100_000)
  const taken: string[] = []
  let refused: Record<string, unknown> = {}
  for (let i = 0; i < 100 && refused.code === undefined; i++) {
    const echo = { latency_ms: 300 }
    refused = await client.request('completion:async', { prompt, request_id: `r${i}`, extra_body: { echo } })
    if (refused.code === undefined) taken.push(`r${i}`)
  }
  assert.equal(refused.code, 'KSI_QUOTA_FULL', JSON.stringify(refused))
  for (const request_id of taken)
    assert.equal((await client.request('completion:wait', { request_id })).status, 'completed')
  const { filling } = await ksi.untilStatus((status) => status.filling.length > 0)
  assert.match(filling.join(), /^The journal has \d+ bytes of the 3000000 it may have \(KSI_MAX_JOURNAL_BYTES\)/)
  project.edit('src/daemon/health.ts', (text) => `${text}\n// saved while the journal has its bytes\n`)
  await ksi.untilStatus(({ phase, swaps }) => phase === 'live' && swaps === 1)
  const health = await client.request('system:health')
  assert.deepEqual([health.status, (health.filling as string[]).length], ['healthy', 1])
})
