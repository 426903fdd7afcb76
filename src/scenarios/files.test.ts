import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { closeSync, openSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { writeFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

/** Runs the command line of the checkout for this project. */
function cli(project: Project, ...args: string[]): Promise<{ code: number; out: string }> {
  const main = join(resolve(import.meta.dirname, '../..'), 'src/cli/ksi.js')
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args, '--root', project.root], (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), out: stdout + stderr }),
    )
  })
}

test('the journal is removed, moved, replaced and cut loose at work: all is done once, nothing is lost', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const db = project.path('var/db')
  const journal = join(db, 'dev_checkpoint.db')
  const sent = await sendWork(client, { conversations: 10, perConversation: 12, latencyMs: 250 })
  const sendMore = async (tag: string): Promise<void> => {
    const more = await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 50, tag })
    for (const [session, ids] of more) sent.set(session, ids)
  }
  const endLive = async (): Promise<unknown> => process.kill(await ksi.livePid(), 'SIGKILL')
  const rollBack = async (): Promise<void> =>
    assert.equal((await client.request('system:rollback')).status, 'rolled_back')
  const removals = [
    () => rmSync(db, { recursive: true }),
    () => renameSync(journal, `${journal}.mine`),
    () => {
      rmSync(journal)
      writeFileSync(journal, 'another file')
    },
    () => rmSync(`${journal}-shm`),
    () => rmSync(project.path('var/logs'), { recursive: true }),
  ]
  for (const [round, remove] of removals.entries()) {
    remove()
    await sendMore(`more${round}-`)
    // Now and then in the middle of a save, or of the death of the live generation a second later.
    if (round % 2 === 0) project.edit('src/daemon/health.ts', (text) => `${text}\n// ${round}\n`)
    await delay(1_200)
    if (round === 3) await endLive()
  }
  // The index of the WAL goes just before a save that is then gone back from, by hand, and since it dies.
  for (const [round, goBack] of [rollBack, endLive].entries()) {
    const { generation } = await ksi.untilStatus((now) => now.phase === 'live')
    rmSync(`${journal}-shm`)
    project.edit('src/daemon/health.ts', (text) => `${text}\n// again ${round}\n`)
    await sendMore(`save${round}-`)
    const after = await ksi.untilStatus((now) => now.phase === 'live' && now.generation !== generation)
    await sendMore(`live${round}-`)
    await goBack()
    await sendMore(`back${round}-`)
    await ksi.untilStatus((now) => now.phase === 'live' && now.generation !== after.generation)
  }
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
  const status = await ksi.status()
  assert.deepEqual([status.losses, status.journal.path], [[], journal])
  const aside = readdirSync(db).filter((name) => /displaced-[\w-]+$/.test(name) && !/-(wal|shm)$/.test(name))
  const contents = aside.map((name) => readFileSync(join(db, name), 'latin1').slice(0, 20))
  assert.ok(contents.includes('another file'), `what somebody put there is kept: ${aside.join(', ')}`)
})

test('the journal goes with the process that had it open: it is said until acknowledged, work goes on', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const db = project.path('var/db')
  await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 60_000 })
  const before = await ksi.status()
  const live = await ksi.livePid()
  rmSync(db, { recursive: true })
  process.kill(live, 'SIGKILL')
  const status = await ksi.untilStatus((now) => now.phase === 'live' && now.losses.length > 0)
  assert.ok((status.generation ?? 0) > (before.generation ?? 0), 'epochs go on')
  assert.match(status.losses[0]?.message ?? '', /was not there any more.*lost/)
  using after = await ksi.client()
  await after.request('monitor:subscribe', { event_patterns: ['*'] })
  await untilAllDone(after, await sendWork(after, { conversations: 2, perConversation: 1, latencyMs: 1, tag: 'next' }))
  assert.equal((await after.request('system:health')).losses, 1)
  const told = await cli(project, 'status')
  assert.equal(told.code, 1)
  assert.match(told.out, /was not there any more[^]*ksi losses acknowledge/)
  assert.match((await cli(project, 'health')).out, /healthy.*something of the journal was lost/)
  assert.equal((await cli(project, 'losses')).code, 1)
  assert.equal((await cli(project, 'losses', 'acknowledge')).code, 0)
  assert.deepEqual([(await cli(project, 'status')).code, (await ksi.status()).losses], [0, []])
})

test('a journal that is damaged while ksi is away: what can be read goes on, the rest is counted', async () => {
  using project = makeProject()
  const journal = project.path('var/db/dev_checkpoint.db')
  {
    await using ksi = await Ksi.start(project)
    using client = await ksi.client()
    await sendWork(client, {
      conversations: 20,
      perConversation: 20,
      latencyMs: 60_000,
      extra: { prompt: 'p'.repeat(600) },
    })
    await ksi.stop()
  }
  const bytes = readFileSync(journal)
  bytes.fill(0xa5, 0, 100)
  bytes.fill(0xa5, bytes.length >> 1, (bytes.length >> 1) + 12_288)
  writeFileSync(journal, bytes)
  await using ksi = await Ksi.start(project)
  const { losses } = await ksi.status()
  assert.match(losses[0]?.message ?? '', /was damaged.*gone without a trace/)
  using client = await ksi.client()
  const { status_counts: counts } = (await client.request('completion:status')) as {
    status_counts: Record<string, number>
  }
  const there = Object.values(counts).reduce((sum, count) => sum + count, 0)
  assert.ok(there + (losses[0]?.requests ?? 0) >= 390, `${there} of 400, ${losses[0]?.message}`)
  await client.request('dev:losses', { action: 'acknowledge' })
  // And while it is at work: what a generation has read it knows, and the next one looks.
  const size = readFileSync(journal).length
  const fd = openSync(journal, 'r+')
  for (let at = 8_192; at < size; at += 4_096) writeSync(fd, Buffer.alloc(2_048, 0xa5), 0, 2_048, at)
  closeSync(fd)
  process.kill(await ksi.livePid(), 'SIGKILL')
  const again = await ksi.untilStatus((now) => now.phase === 'live' && now.losses.length > 0)
  assert.match(again.losses[0]?.message ?? '', /was damaged/)
  using after = await ksi.client()
  await after.request('monitor:subscribe', { event_patterns: ['*'] })
  await untilAllDone(after, await sendWork(after, { conversations: 1, perConversation: 1, latencyMs: 1, tag: 'next' }))
})
