import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

test('everything under var is for its owner alone, also what an earlier version left open to others', async () => {
  using project = makeProject()
  const before = process.umask(0o022)
  try {
    mkdirSync(project.path('var/logs/responses'), { recursive: true })
    writeFileSync(project.path('var/logs/responses/old.jsonl'), '{}\n')
    mkdirSync(project.path('var/db'), { recursive: true })
    // Another user who may read the lock file can lock it, and keep ksi from starting.
    writeFileSync(project.path('var/db/dev_checkpoint.db.lock'), '')
    chmodSync(project.path('var/db/dev_checkpoint.db.lock'), 0o644)
    await using ksi = await Ksi.start(project)
    using client = await ksi.client()
    const { request_id } = await client.request('completion:async', { prompt: 'private', session_id: 'mine' })
    await client.request('completion:wait', { request_id })
    await client.request('dev:checkpoint')
    const open: string[] = []
    const names = readdirSync(project.path('var'), { recursive: true, encoding: 'utf8' })
    for (const name of ['', ...names]) {
      const stats = lstatSync(project.path(`var/${name}`), { throwIfNoEntry: false })
      if (stats !== undefined && (stats.mode & 0o077) !== 0) open.push(`${name} ${(stats.mode & 0o777).toString(8)}`)
    }
    assert.deepEqual(open, [])
    for (const made of [
      'db/dev_checkpoint.db',
      'logs/responses/mine.jsonl',
      'logs/responses/old.jsonl',
      'run/daemon.sock',
    ])
      assert.ok(names.includes(made), made)
  } finally {
    process.umask(before)
  }
})
