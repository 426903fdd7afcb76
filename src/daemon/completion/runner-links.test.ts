import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../lib/log.ts'
import { RunnerLinks } from './runner-links.ts'

test('who waits for a runner that is gone meanwhile is not kept waiting', async () => {
  const links = new RunnerLinks(silentLog())
  links.listen({ outcomes: () => {}, progress: () => {}, welcomed: () => {}, refused: () => {}, gone: () => {} })
  links.update([{ id: 'old', socket: '/nonexistent/runner.sock', accepting: false }])
  const begun = performance.now()
  const said = links.hello(1, 10_000)
  links.update([], ['old'])
  await said
  assert.ok(performance.now() - begun < 5_000)
  links.close()
})

test('as long as the runner host has not said so no runner is gone; then those asked for are told', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-links-'))
  const path = join(dir, 'h.sock')
  const gone = Promise.withResolvers<string>()
  const links = new RunnerLinks(silentLog())
  links.listen({
    outcomes: () => {},
    progress: () => {},
    welcomed: () => {},
    refused: () => {},
    gone: (id) => gone.resolve(id),
  })
  links.follow(path)
  await links.hello(1, 20)
  assert.equal(links.isUnknown('old'), true)
  // As a host of the first version would say it: what it does not know of has defaults.
  const list = { type: 'runners', runners: [], drained: ['peace'], problem: null, failure: null }
  const server = createServer((socket) => socket.write(`${JSON.stringify(list)}\n`)).listen(path)
  await once(server, 'listening')
  assert.equal(await gone.promise, 'old')
  assert.deepEqual([links.isUnknown('old'), links.hasDrained('peace')], [false, true])
  links.close()
  server.close()
  rmSync(dir, { recursive: true })
})
