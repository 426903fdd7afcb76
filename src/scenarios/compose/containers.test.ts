import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { Debugger } from '../../testing/debugger.ts'
import { freePort } from '../../lib/free-port.ts'
import { WireClient } from '../../testing/wire-client.ts'

const run = promisify(execFile)
const services = ['daemon', 'sidecar', 'runner', 'docker-proxy']

const key = 'a key of the tests'

/** Megabytes an image may have; Node's own has 305. */
const mostMegabytes = { daemon: 430, runner: 380 }

/** What the engine says of a container, as far as it is looked at here. */
interface Inspected {
  Id: string
  State: { StartedAt: string; Status: string; ExitCode: number; Health?: { Status: string } }
  Image: string
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
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]>
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
    stack = await Stack.up({ ANTHROPIC_API_KEY: key })
  })
  after(() => stack[Symbol.asyncDispose]())

  test('`up -d` once more, and `up -d --build` of an unchanged tree, leave every container as it is', async () => {
    const before = await started(stack)
    await stack.compose('up', '--detach')
    assert.deepEqual(await started(stack), before)
    await stack.compose('up', '--detach', '--build')
    assert.deepEqual(await started(stack), before)
    const mine = `label=com.docker.compose.project=${stack.name}`
    const nameless = await run('docker', ['images', '--quiet', '--filter', 'dangling=true', '--filter', mine])
    assert.equal(nameless.stdout, '', 'no image is left without a name')
  })

  test('BuildKit has nothing to say against the Dockerfile', async () => {
    // The image with the engine's CLI is for dev containers that ask for it, and is not looked for here.
    const instead = ['--build-arg', 'ENGINE_CLI=node:26-bookworm-slim']
    await run('docker', ['build', '--check', ...instead, '--file', 'Dockerfile.dev', '.'], { cwd: stack.project.root })
  })

  test('no image is larger than it has to be', async (t) => {
    for (const [service, most] of Object.entries(mostMegabytes)) {
      const { Image } = await inspect(stack, service)
      const { stdout } = await run('docker', ['image', 'inspect', '--format', '{{.Size}}', Image])
      const megabytes = Math.round(Number(stdout) / 1e6)
      t.diagnostic(`image of the ${service}: ${megabytes} MB`)
      assert.ok(megabytes <= most, `${service}: ${megabytes} MB, above ${most}`)
    }
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

  test('so it is in the containers as they run', async () => {
    // By cgroup v2, or v1.
    const limit = (v2: string, v1: string): string => `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`
    const look = [
      'grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Uid)" /proc/1/status',
      'echo "Root: $(grep -c "^[^ ]* / [^ ]* ro," /proc/mounts)"',
      `echo "Memory: $(${limit('memory.max', 'memory/memory.limit_in_bytes')})"`,
      `echo "Pids: $(${limit('pids.max', 'pids/pids.max')})"`,
    ].join('; ')
    const limits: Record<string, [memory: number, pids: number]> = {
      daemon: [2 * 2 ** 30, 512],
      sidecar: [384 * 2 ** 20, 128],
      runner: [4 * 2 ** 30, 4_000],
      'docker-proxy': [192 * 2 ** 20, 64],
    }
    for (const service of services) {
      const said = await stack.compose('exec', '--no-TTY', service, 'sh', '-c', look)
      const facts = new Map(said.split('\n').map((line): [string, string] => [line.split(/:\s*/)[0] ?? '', line]))
      for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        assert.match(facts.get(name) ?? '', /:\s+0+$/, `${service}: ${said}`)
      assert.match(facts.get('NoNewPrivs') ?? '', /1$/, service)
      assert.match(facts.get('Root') ?? '', /1$/, service)
      assert.match(facts.get('Uid') ?? '', service === 'docker-proxy' ? /:\s+0\s/ : /:\s+1000\s/, service)
      const [memory, pids] = limits[service] ?? []
      assert.deepEqual([facts.get('Memory'), facts.get('Pids')], [`Memory: ${memory}`, `Pids: ${pids}`], service)
    }
  })

  test('each says that it is healthy, the window onto the engine too', async () => {
    for (const service of services)
      assert.equal((await inspect(stack, service)).State.Health?.Status, 'healthy', service)
  })

  test('ksi status in the container, and in another one of the same service', async () => {
    for (const how of [['exec'], ['run', '--rm', '--no-deps']]) {
      const said = await stack.compose(...how, '--no-TTY', 'daemon', 'ksi', 'status')
      assert.match(said, /generation/, how.join(' '))
      assert.match(said, /tcp:\/\/daemon:4310|healthy|live/, how.join(' '))
    }
  })

  test('the sidecar goes on as its new code in the same container, says where it is, and ends with 0', async () => {
    const before = await inspect(stack, 'sidecar')
    stack.project.edit('src/sidecar/main.ts', (text) => text.replace('sidecar ready at', 'sidecar is new at'))
    const log = (): Promise<string> => stack.compose('logs', '--no-log-prefix', '--no-color', 'sidecar')
    for (let tries = 0; !(await log()).includes('sidecar is new'); tries++) {
      assert.ok(tries < 100, 'new code within 10 s')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.match(await log(), new RegExp(`"url":"http://127.0.0.1:${stack.sidecarPort}"`))
    await stack.untilDocument((document) => document.status === 'pass')
    const { Id, State } = await inspect(stack, 'sidecar')
    assert.deepEqual([Id, State.StartedAt], [before.Id, before.State.StartedAt])
    await stack.compose('stop', 'sidecar')
    assert.equal((await inspect(stack, 'sidecar')).State.ExitCode, 0)
    await stack.compose('start', 'sidecar')
    await stack.untilDocument((document) => document.status === 'pass')
  })

  test('what lies on the volumes is for the owner alone', async () => {
    const open = await stack.compose('exec', '--no-TTY', 'daemon', 'find', 'var', '!', '-type', 'l', '-perm', '/077')
    assert.equal(open, '')
  })

  test('the window onto the engine has no network, only a socket that the sidecar alone can reach', async () => {
    assert.equal((await inspect(stack, 'docker-proxy')).HostConfig.NetworkMode, 'none')
    await stack.untilDocument((document) => document.docker.ok)
    const node =
      `require('net').connect('/run/ksi/docker.sock').on('error', (e) => console.log(e.code))` +
      `.on('connect', function () { console.log('open'); this.destroy() })`
    const reach = (service: string): Promise<string> =>
      stack.compose('exec', '--no-TTY', service, 'node', '-e', node).then((text) => text.trim())
    assert.equal(await reach('sidecar'), 'open')
    assert.equal(await reach('daemon'), 'ENOENT')
  })

  test('the runner has the keys and no port; its sockets can be reached by the daemon alone', async () => {
    const { HostConfig: host, Config: config } = await inspect(stack, 'runner')
    assert.deepEqual(host.PortBindings, {})
    assert.ok(config.Env.includes(`ANTHROPIC_API_KEY=${key}`))
    const node =
      `require('net').connect('var/run/runner/host.sock').on('error', (e) => console.log(e.code))` +
      `.on('connect', function () { console.log('open'); this.destroy() })`
    for (const [service, says] of [
      ['daemon', 'open'],
      ['sidecar', 'ENOENT'],
    ] as const) {
      assert.equal((await stack.compose('exec', '--no-TTY', service, 'node', '-e', node)).trim(), says)
      assert.ok(!(await inspect(stack, service)).Config.Env.join().includes('API_KEY'), service)
    }
    // Nothing of the daemon, mounts aside.
    const look = 'find src node_modules -maxdepth 1 -type d -printf "%p "'
    const inImage = ['run', '--rm', '--no-deps', '--no-TTY', '--volume', '/app/src', 'runner', 'sh', '-c', look]
    const files = await stack.compose(...inImage)
    assert.match(files, /src\/runner/)
    assert.doesNotMatch(files, /src\/(daemon|supervisor|sidecar|cli)|node_modules\/(better-sqlite3|fastify|nodemon)/)
  })

  test('both ports are published for this machine alone, and TCP is open to it', async () => {
    for (const service of ['daemon', 'sidecar']) {
      const bindings = Object.values((await inspect(stack, service)).HostConfig.PortBindings).flat()
      assert.deepEqual(
        bindings.map(({ HostIp }) => HostIp),
        ['127.0.0.1'],
      )
    }
    using client = await WireClient.connect(stack.port)
    assert.equal((await client.reply('system:health'))['code'], undefined)
    assert.match(await stack.compose('logs', '--no-log-prefix', 'daemon'), /token +not asked for: .*KSI_TOKEN=auto in/)
    const page = await stack.compose('exec', '--no-TTY', 'daemon', 'ksi', 'page')
    assert.equal(page.trim(), `http://127.0.0.1:${stack.sidecarPort}/`)
  })

  test('settings decide what the container with the runners may take, and how long its end may', async () => {
    const limits = async (env: NodeJS.ProcessEnv): Promise<unknown> => {
      const { services: all } = JSON.parse(await stack.config(env)) as {
        services: { runner: { mem_limit: string; pids_limit: number; stop_grace_period: string } }
      }
      const { mem_limit, pids_limit, stop_grace_period } = all.runner
      return [Number(mem_limit) / 2 ** 30, pids_limit, stop_grace_period]
    }
    assert.deepEqual(await limits({ KSI_DRAIN_MS: '' }), [4, 4_000, '1m15s'])
    assert.deepEqual(await limits({ KSI_MAX_CONCURRENT: '16', KSI_DRAIN_MS: '600000' }), [16, 16_000, '10m15s'])
    const own = { KSI_MAX_CONCURRENT: '16', KSI_MEMORY: '2g', KSI_PIDS: '300', KSI_DRAIN_MS: '1000' }
    assert.deepEqual(await limits(own), [2, 300, '16s'])
  })

  test('`docker compose watch` and changed packages: new containers, but none of the runner', async () => {
    const [daemonBefore, sidecarBefore, runnerBefore] = await started(stack)
    const watch = stack.start('watch', '--no-up')
    try {
      const changed = async (): Promise<boolean> => {
        const [daemon, sidecar] = await started(stack).catch(() => [daemonBefore, sidecarBefore])
        const isNew = daemon !== daemonBefore && sidecar !== sidecarBefore
        return isNew && [daemon, sidecar].every((state) => state?.includes(' running since '))
      }
      const limit = Date.now() + 120_000
      // The watch says nothing when it begins to look, so the file is saved until it has seen that.
      for (let tries = 0; !(await changed()); tries++) {
        assert.ok(Date.now() < limit, 'new containers within two minutes')
        if (tries % 60 === 0) appendFileSync(stack.project.path('package.json'), '\n')
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    } finally {
      watch.kill('SIGTERM')
    }
    await stack.untilLive()
    await stack.untilDocument((document) => document.status === 'pass')
    const now = await started(stack)
    for (const state of now) assert.match(state, / running since /)
    assert.equal(now[2], runnerBefore)
  })
})

describe('the real stack with KSI_TOKEN=auto and KSI_INSPECT_PORT', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  let debugPort: number
  before(async () => {
    debugPort = await freePort()
    stack = await Stack.up({ KSI_TOKEN: 'auto', KSI_INSPECT_PORT: String(debugPort) })
  })
  after(() => stack[Symbol.asyncDispose]())

  const said = async (service: string, ...command: string[]): Promise<string> =>
    (await stack.compose('exec', '--no-TTY', service, ...command)).trim()

  test('TCP asks for the token, which survives a new container', async () => {
    const token = await said('daemon', 'ksi', 'token')
    const knock = async (given?: string): Promise<unknown> => {
      using client = await WireClient.connect(stack.port, given)
      return (await client.reply('system:health'))['code']
    }
    assert.deepEqual(
      [await knock(), await knock('guessed'), await knock(token)],
      Array.of<unknown>('KSI_UNAUTHORIZED', 'KSI_UNAUTHORIZED', undefined),
    )
    await stack.compose('up', '--detach', '--wait', '--force-recreate')
    await stack.untilLive()
    assert.equal(await said('daemon', 'ksi', 'token'), token)
    assert.equal(await knock(token), undefined)
  })

  test('a debugger of this machine is in the live generation, also after a save', async () => {
    const bindings = Object.values((await inspect(stack, 'daemon')).HostConfig.PortBindings).flat()
    assert.deepEqual(
      bindings.map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}`).sort(),
      [`127.0.0.1:${debugPort}`, `127.0.0.1:${stack.port}`].sort(),
    )
    using debug = await Debugger.attach(debugPort)
    const pid = await debug.evaluate('process.pid')
    assert.ok((await stack.status()).debugged)
    stack.project.edit('src/daemon/health.ts', (text) => `${text}\n// saved\n`)
    await debug.closed
    using again = await Debugger.attach(debugPort)
    const newPid = await again.evaluate('process.pid')
    assert.ok(typeof newPid === 'number' && newPid !== pid)
  })

  test('the sidecar reads with a token of its own, and does not have the other', async () => {
    const token = await said('daemon', 'ksi', 'token')
    await stack.untilDocument((document) => document.daemon.ok && document.status === 'pass')
    const look = 'grep -rlF "$0" var /proc/self/environ || echo nothing'
    assert.equal(await said('sidecar', 'sh', '-c', look, token), 'nothing')
    const reading = await said('sidecar', 'cat', 'var/reading/token')
    using client = await WireClient.connect(stack.port, reading)
    assert.equal((await client.request('completion:async', { prompt: 'x' }))['code'], 'KSI_UNAUTHORIZED')
    const page = await said('daemon', 'ksi', 'page')
    assert.equal(page, `http://127.0.0.1:${stack.sidecarPort}/?token=${reading}`)
    for (const service of ['daemon', 'sidecar']) {
      const log = await stack.compose('logs', '--no-log-prefix', service)
      assert.doesNotMatch(log, new RegExp(`${token}|${reading}`), service)
    }
  })
})
