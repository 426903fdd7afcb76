import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'

function watchPid(ksi: Ksi): number {
  return childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('watch/main'))?.pid ?? 0
}

test('links in circles, a folder without rights and the death of the watch: saves go live, ksi stays up', async () => {
  using project = makeProject({ changesReplies: true })
  symlinkSync('.', project.path('src/daemon/self'))
  await using ksi = await Ksi.start(project)
  saveNumber(project, 1)
  await untilSave(ksi, 1)
  symlinkSync('.', project.path('src/lib/self'))
  mkdirSync(project.path('src/lib/closed'), { mode: 0 })
  saveNumber(project, 2)
  await untilSave(ksi, 2)
  chmodSync(project.path('src/lib/closed'), 0o700)
  signal(watchPid(ksi), 'SIGSTOP')
  saveNumber(project, 3)
  await untilSave(ksi, 3)
  const status = await ksi.status()
  assert.deepEqual([status.problem, status.crashes, status.failed_swaps], [null, 0, 0])
})

test('with five inotify watches saves still go live, and the status says how they are seen', async (t) => {
  const limit = '/proc/sys/fs/inotify/max_user_watches'
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return t.skip('only root can lower the limit')
  using project = makeProject({ changesReplies: true })
  const before = readFileSync(limit, 'utf8')
  writeFileSync(limit, '5')
  try {
    await using ksi = await Ksi.start(project)
    const status = await ksi.untilStatus(({ watch_problem: problem }) => problem !== null)
    assert.match(String(status.watch_problem), /ENOSPC.*Raise fs\.inotify\.max_user_watches/)
    saveNumber(project, 1)
    await untilSave(ksi, 1)
  } finally {
    writeFileSync(limit, before)
  }
})

test('no file descriptors left: ksi stays up, and the save goes live once there are some', async (t) => {
  if (process.platform !== 'linux') return t.skip('the limit of a running process can be set on Linux only')
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  await ksi.untilStatus(({ spare, watching }) => spare && watching)
  using client = await ksi.client()
  const pid = String(ksi.process.pid)
  const limitTo = (files: string): unknown => execFileSync('prlimit', ['--pid', pid, `--nofile=${files}`])
  const used = Number(execFileSync('sh', ['-c', `ls /proc/${pid}/fd | wc -l`], { encoding: 'utf8' }))
  limitTo(`${used}:`)
  signal(await liveOf(client), 'SIGKILL')
  await delay(300)
  saveNumber(project, 1)
  await delay(500)
  assert.equal(ksi.process.exitCode, null, ksi.output())
  limitTo('1024:')
  for (let save: unknown; save !== 1; save = (await client.request('system:health')).save) await delay(20)
  const status = await ksi.untilStatus(({ phase, problem }) => phase === 'live' && problem === null)
  assert.equal(status.last_failure, null)
})

async function liveOf(client: Awaited<ReturnType<Ksi['client']>>): Promise<number> {
  return Number((await client.request('system:health')).pid)
}
