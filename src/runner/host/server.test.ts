import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hostProtocol } from '../../contracts/protocol.ts'
import { fromRunnerHost } from '../../contracts/runner-host.ts'
import type { FromRunnerHost, RunnerList } from '../../contracts/runner-host.ts'
import { LineLink } from '../../lib/line-link.ts'
import { silentLog } from '../../lib/log.ts'
import { startHostServer } from './server.ts'
import type { HostServer } from './server.ts'

/** A client that keeps what it hears. */
async function connect(path: string): Promise<{ link: LineLink; next: () => Promise<FromRunnerHost> }> {
  const heard: FromRunnerHost[] = []
  const open = Promise.withResolvers<void>()
  const link = new LineLink({
    path,
    onOpen: open.resolve,
    onLine: (line) => heard.push(fromRunnerHost.parse(JSON.parse(line))),
  })
  await open.promise
  return {
    link,
    next: async () => {
      while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      const [first] = heard.splice(0, 1)
      assert.ok(first)
      return first
    },
  }
}

const nobody: RunnerList = {
  runners: [],
  drained: [],
  problem: 'none yet',
  failure: null,
  draining: false,
  outdated: [],
}

test('who watches is told the runners now and at each change; a reload is answered; the rest is ignored', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-host-'))
  const socket = join(dir, 'h.sock')
  let list = nobody
  const reloads: unknown[] = []
  const kept: unknown[] = []
  const left = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const server: HostServer = await startHostServer({
    socket,
    log: silentLog(),
    list: () => list,
    reload: (files, at) => {
      reloads.push([files, at])
      return Promise.resolve(null)
    },
    owner: 'a journal',
    keep: (env) => kept.push(env),
    left: left.resolve,
    drain: () => kept.push('drain'),
    end: ended.resolve,
  })
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  const { link, next } = await connect(socket)
  link.send({ type: 'hello', protocol: 1, name: 'a field from the future' })
  link.send({ type: 'surprise' })
  const { protocol, oldest } = hostProtocol
  assert.deepEqual(await next(), { type: 'welcome', protocol, oldest, owner: 'a journal', pid: process.pid })
  link.send({ type: 'watch' })
  assert.deepEqual(await next(), { type: 'runners', ...nobody })
  list = {
    ...nobody,
    runners: [{ id: 'r', socket: 's', accepting: true, since: 1, protocol: 1, oldest: 1 }],
    problem: null,
  }
  server.tell()
  assert.deepEqual(await next(), { type: 'runners', ...list })
  link.send({ type: 'reload', id: 7, files: ['x'], at: 3 })
  assert.deepEqual([await next(), reloads], [{ type: 'reloaded', id: 7, failure: null }, [[['x'], 3]]])
  assert.equal(server.print(['nobody takes it']), false)
  const keeper = await connect(socket)
  keeper.link.send({ type: 'keep', env: { A: 'b' } })
  keeper.link.send({ type: 'drain' })
  keeper.link.send({ type: 'hello', protocol: 1 })
  await keeper.next()
  assert.deepEqual(kept, [{ A: 'b' }, 'drain'])
  assert.equal(server.print(['one', 'two']), true)
  assert.deepEqual(await keeper.next(), { type: 'printed', lines: ['one', 'two'] })
  keeper.link.close()
  await left.promise
  link.send({ type: 'end' })
  await ended.promise
  server.close()
  link.close()
  assert.ok(!existsSync(socket))
  rmSync(dir, { recursive: true })
})
