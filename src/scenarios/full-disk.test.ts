import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

/** Mounts a small file system; undefined where that is not allowed. */
function mountSmall(dir: string): Disposable | undefined {
  mkdirSync(dir, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'ksi-test', dir], { stdio: 'pipe' })
  } catch {
    return undefined
  }
  return {
    [Symbol.dispose]() {
      execFileSync('umount', ['--lazy', dir])
    },
  }
}

test('on a full disk requests and saves are refused with what to do; with room again all goes on', async (t) => {
  using project = makeProject()
  const db = project.path('var/db')
  using mounted = mountSmall(db)
  if (mounted === undefined) return t.skip('a small file system can be mounted by root only')
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 2, perConversation: 3, latencyMs: 400 })
  const { bavail, bsize } = statfsSync(db)
  writeFileSync(`${db}/filler`, Buffer.alloc(bavail * bsize))
  let refused: Record<string, unknown> = {}
  for (let i = 0; i < 500 && refused.code === undefined; i++)
    refused = await client.request('completion:async', {
      prompt: 'x'.repeat(20_000),
      request_id: `big-${i}`,
      session_id: 'big',
    })
  assert.equal(refused.code, 'KSI_DISK_FULL', JSON.stringify(refused))
  assert.match(String(refused.error), /no room.*Free some space/)
  const { troubles } = await ksi.untilStatus((status) => status.troubles.some(({ what }) => what === 'the disk'))
  assert.equal(
    troubles.find(({ what }) => what === 'the disk')?.path,
    project.path('var/db/dev_checkpoint.db'),
    'named with its file',
  )
  assert.equal((await client.request('system:health')).status, 'unhealthy')
  project.edit('src/daemon/health.ts', (text) => `${text}\n// saved while there is no room\n`)
  const failed = await ksi.untilStatus((status) => status.last_failure !== null && status.phase === 'live')
  assert.equal(failed.crashes, 0, 'nobody died of it')
  rmSync(`${db}/filler`)
  project.edit('src/daemon/health.ts', (text) => `${text}\n// saved again\n`)
  await ksi.untilStatus((status) => status.last_failure === null && (status.generation ?? 0) > (failed.generation ?? 0))
  await untilAllDone(client, sent)
  assert.equal((await client.request('system:health')).status, 'healthy')
  client.pushes.splice(
    0,
    client.pushes.length,
    ...client.pushes.filter((push) => !String(push.data.request_id).startsWith('big')),
  )
  assertAllDone(client, sent, await ksi.runsByRequest())
  assert.deepEqual(
    readdirSync(db).filter((file) => file.includes('corrupt')),
    [],
  )
})
