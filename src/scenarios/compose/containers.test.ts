import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'

const run = promisify(execFile)
const services = ['daemon', 'sidecar', 'docker-proxy']

/** What the engine says of a container, as far as it is looked at here. */
interface Inspected {
  Id: string
  State: { StartedAt: string; Status: string }
  Config: { User: string; Env: string[] }
  HostConfig: {
    CapAdd: string[] | null
    CapDrop: string[] | null
    SecurityOpt: string[] | null
    ReadonlyRootfs: boolean
    Privileged: boolean
    Memory: number
    PidsLimit: number
    NetworkMode: string
    Binds: string[] | null
    Tmpfs: Record<string, string> | null
  }
}

async function inspect(stack: Stack, service: string): Promise<Inspected> {
  const id = (await stack.compose('ps', '--all', '--quiet', service)).trim()
  const [found] = JSON.parse((await run('docker', ['inspect', id])).stdout) as Inspected[]
  assert.ok(found !== undefined, `${service} has a container`)
  return found
}

async function started(stack: Stack): Promise<string[]> {
  const found = await Promise.all(services.map((service) => inspect(stack, service)))
  return found.map(({ Id, State }) => `${Id} ${State.Status} since ${State.StartedAt}`)
}

describe('the containers of the real stack', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    stack = await Stack.up()
  })
  after(() => stack[Symbol.asyncDispose]())

  test('`up -d` once more, and `up -d --build` of an unchanged tree, leave every container as it is', async () => {
    const before = await started(stack)
    await stack.compose('up', '--detach')
    assert.deepEqual(await started(stack), before)
    await stack.compose('up', '--detach', '--build')
    assert.deepEqual(await started(stack), before)
  })

  test('each has no capability, no new privileges, a read-only root and limits of memory and processes', async () => {
    for (const service of services) {
      const { HostConfig: host, Config: config } = await inspect(stack, service)
      assert.deepEqual([host.CapAdd, host.CapDrop, host.Privileged], [null, ['ALL'], false], service)
      assert.deepEqual(host.SecurityOpt, ['no-new-privileges:true'], service)
      assert.equal(host.ReadonlyRootfs, true, service)
      assert.ok(host.Memory > 0 && host.PidsLimit > 0, service)
      // Root without capabilities is nobody else than the owner of the engine's socket.
      assert.equal(config.User.split(':')[0], service === 'docker-proxy' ? '0' : 'node', service)
      const holdsEngine = (host.Binds ?? []).some((bind) => bind.includes('docker.sock'))
      assert.equal(holdsEngine, service === 'docker-proxy', service)
    }
  })

  test('what lies on the volumes is for the owner alone', async () => {
    const open = await stack.compose('exec', '--no-TTY', 'daemon', 'find', 'var', '!', '-type', 'l', '-perm', '/077')
    assert.equal(open, '')
  })

  test('the window onto the engine has no network, only a socket that the sidecar alone can reach', async () => {
    assert.equal((await inspect(stack, 'docker-proxy')).HostConfig.NetworkMode, 'none')
    await stack.untilDocument((document) => document.docker.ok)
    const node = `require('net').connect('/run/ksi/docker.sock').on('error', (e) => console.log(e.code)).on('connect', function () { console.log('open'); this.destroy() })`
    const reach = (service: string): Promise<string> =>
      stack.compose('exec', '--no-TTY', service, 'node', '-e', node).then((text) => text.trim())
    assert.equal(await reach('sidecar'), 'open')
    assert.equal(await reach('daemon'), 'ENOENT')
  })

  test('KSI_MAX_CONCURRENT, KSI_MEMORY and KSI_PIDS decide what the container with the runners may take', async () => {
    const limits = async (env: NodeJS.ProcessEnv): Promise<unknown> => {
      const { services: all } = JSON.parse(await stack.config(env)) as {
        services: { daemon: { mem_limit: string; pids_limit: number } }
      }
      return [Number(all.daemon.mem_limit) / 2 ** 30, all.daemon.pids_limit]
    }
    assert.deepEqual(await limits({}), [4, 4_000])
    assert.deepEqual(await limits({ KSI_MAX_CONCURRENT: '16' }), [16, 16_000])
    assert.deepEqual(await limits({ KSI_MAX_CONCURRENT: '16', KSI_MEMORY: '2g', KSI_PIDS: '300' }), [2, 300])
  })

  test('`docker compose watch` and a changed lock file: new containers, and all of them run', async () => {
    const [daemonBefore, sidecarBefore] = await started(stack)
    const watch = stack.start('watch', '--no-up')
    try {
      const changed = async (): Promise<boolean> => {
        const [daemon, sidecar] = await started(stack).catch(() => [daemonBefore, sidecarBefore])
        return daemon !== daemonBefore && sidecar !== sidecarBefore
      }
      const limit = Date.now() + 120_000
      // The watch says nothing when it begins to look, so the file is saved until it has seen that.
      for (let tries = 0; !(await changed()); tries++) {
        assert.ok(Date.now() < limit, 'new containers within two minutes')
        if (tries % 60 === 0) appendFileSync(stack.project.path('package-lock.json'), '\n')
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    } finally {
      watch.kill('SIGTERM')
    }
    await stack.untilLive()
    await stack.untilDocument((document) => document.status === 'pass')
    for (const state of await started(stack)) assert.match(state, / running since /)
  })
})
