import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { callsOf, noteCalls } from '../testing/calls.ts'
import { checkOut, commitBefore } from '../testing/earlier.ts'
import { Ksi } from '../testing/ksi.ts'
import { workOver } from '../testing/over-acts.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'

/** Runner host, runners and daemon say from here on which version of their contract they speak. */
const firstVersioned = 'dcd18b9db96cb9e06816460101147b8eb0d9824e'

const before = commitBefore(firstVersioned)
const skip = 'reason' in before ? before.reason : false

/** A runner host that is nobody's child, in the place of this daemon. */
function startHost(host: Project, daemon: Project): AsyncDisposable {
  mkdirSync(daemon.path('var'))
  symlinkSync(daemon.path('var'), host.path('var'))
  const env = { PATH: process.env.PATH, KSI_ROOT: host.root, KSI_MODE: 'dev', KSI_RUNNER: 'elsewhere' }
  const child = spawn(process.execPath, [host.path('src/runner/host.ts')], {
    env: { ...env, KSI_LOG_FORMAT: 'json' },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

for (const [name, tag] of [
  ['a daemon of the commit before, and a runner of this one', 'daemon'],
  ['a runner of the commit before, and a daemon of this one', 'runner'],
] as const)
  test(`${name}: work goes on over a restart, nothing is lost or called twice`, { skip }, async (t) => {
    assert.ok('commit' in before)
    t.diagnostic(`the commit before: ${before.commit}`)
    using earlier = checkOut(before.commit)
    // What the earlier one replies is held to no contract of ours.
    using old = makeProject({ from: earlier.root, changesReplies: true })
    using own = makeProject()
    const [daemon, host] = tag === 'daemon' ? [old, own] : [own, old]
    noteCalls(host)
    await using _host = startHost(host, daemon)
    const start = (): Promise<Ksi> => Ksi.start(daemon, { KSI_RUNNER: 'elsewhere' })
    let ksi = await start()
    await using _end = { [Symbol.asyncDispose]: () => ksi[Symbol.asyncDispose]() }
    const silence = await workOver(
      { client: () => ksi.client(), calls: async () => callsOf(daemon) },
      async () => {
        await ksi.stop()
        ksi = await start()
      },
      { tag, longMs: 2_000, conversations: 5, waiting: 4 },
    )
    t.diagnostic(`silent for ${silence} ms`)
    assert.equal((await ksi.status()).problem, null)
  })
