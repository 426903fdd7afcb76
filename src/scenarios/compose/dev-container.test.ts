import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parseObject } from '../../lib/ndjson.ts'
import { skipWithoutEngine } from '../../testing/compose.ts'
import { DevContainer, skipWithoutCli } from '../../testing/dev-container.ts'

const skip = skipWithoutEngine() || skipWithoutCli()
const socket = '/var/run/docker.sock'

describe('the dev container', { skip }, () => {
  let dev: DevContainer
  before(async () => {
    dev = await DevContainer.open()
  })
  after(() => dev[Symbol.asyncDispose]())

  /** What a command that must succeed prints. */
  const said = async (command: string): Promise<string> => {
    const { code, output } = await dev.exec(command)
    assert.equal(code, 0, `${command}: ${output}`)
    return output.trim()
  }

  /** 0 while nobody answers. */
  const generation = async (): Promise<number> => {
    const { output } = await dev.exec('ksi health --json')
    return Number(parseObject(output.split('\n')[0] ?? '')?.['generation'] ?? 0)
  }

  async function untilGeneration(after: number): Promise<void> {
    for (let tries = 0; tries < 60; tries++) {
      if ((await generation()) > after) return
      await delay(200)
    }
    assert.fail(`no generation after ${after}`)
  }

  test('has the tools of a shell, the pinned Node, completion for ksi, and no engine', async () => {
    for (const tool of ['git', 'curl', 'less', 'ps']) await said(`command -v ${tool}`)
    assert.match(await said('node --version'), /^v26\./)
    assert.match(await said('bash -ic "_completion_loader ksi; complete -p ksi"'), /complete .*ksi$/)
    assert.equal((await dev.exec('command -v docker')).code, 1)
  })

  test('its packages are its own: nothing of them lies on the host', async () => {
    assert.deepEqual(readdirSync(dev.path('node_modules')), [])
    assert.match(await said('ls node_modules'), /better-sqlite3/)
  })

  test('tests run in it', async () => {
    const output = await said('npm run test:file -- src/lib/glob.test.ts src/store/queue.test.ts src/cli/ksi.test.ts')
    assert.match(output, /fail 0/)
    await said('npm run typecheck')
  })

  test('a save in it goes live, and leaves a checkpoint', async () => {
    const before = await generation()
    assert.ok(before > 0)
    await said("printf '\\n// saved inside\\n' >> src/daemon/health.ts")
    await untilGeneration(before)
    assert.match(await said('ksi checkpoint list'), /reload/)
  })

  test('debuggers reach the live generation', async () => {
    const targets = await said('curl --silent --header "host: localhost" http://daemon:9229/json/list')
    assert.match(targets, /file:\/\/\/app\/src\/daemon\/main\.ts/)
  })

  test('restart, stop and start say which command does it; that one works, and leaves a checkpoint', async () => {
    for (const verb of ['restart', 'stop', 'start']) {
      const before = await generation()
      const { code, output } = await dev.exec(`ksi ${verb}`)
      assert.equal(code, 64, output)
      const command = /`(docker compose [^`]+)` on the host/.exec(output)?.[1] ?? ''
      assert.equal(command, `docker compose -p ${dev.project} -f compose.yaml ${verb} daemon`)
      assert.equal(await generation(), before, 'nothing has happened to it')
      const done = await dev.onHost(command)
      assert.equal(done.code, 0, done.output)
      if (verb === 'stop') assert.equal(await generation(), 0)
      else await untilGeneration(0)
    }
    assert.match(await said('ksi checkpoint list'), /pre-stop/)
  })
})

describe('the dev container with the socket of the engine', { skip }, () => {
  let dev: DevContainer
  let context: string
  const image = 'ksi-test-engine-cli'
  before(async () => {
    // The CLI of this machine, where that of the registry lies in its image.
    context = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
    const plugin = execFileSync('docker', [
      'info',
      '--format',
      '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}',
    ])
    execFileSync('sh', ['-c', 'cp -L "$(command -v docker)" "$1" "$0"', context, plugin.toString().trim()])
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM scratch\nCOPY docker /usr/local/bin/\nCOPY docker-compose /usr/local/libexec/docker/cli-plugins/\n',
    )
    execFileSync('docker', ['build', '--quiet', '--tag', image, context])
    const group = execFileSync('stat', ['--format', '%g', socket]).toString().trim()
    dev = await DevContainer.open({
      KSI_WORKSPACE_SOCKET: socket,
      KSI_WORKSPACE_GROUP: group,
      KSI_WORKSPACE_CLI: image,
    })
  })
  after(async () => {
    await dev[Symbol.asyncDispose]()
    rmSync(context, { recursive: true, force: true })
    execFileSync('docker', ['image', 'rm', '--force', image])
  })

  test('restart, stop and start do it themselves, and leave a checkpoint', async () => {
    for (const verb of ['restart', 'stop', 'restart', 'stop', 'start']) {
      const { code, output } = await dev.exec(`ksi ${verb}`)
      assert.equal(code, 0, `${verb}: ${output}`)
      assert.match(output, /^docker compose (?:restart|stop|start) daemon$/m)
    }
    await dev.exec('for i in 1 2 3 4 5 6 7 8 9 10; do ksi health --quiet && break; sleep 1; done')
    assert.match((await dev.exec('ksi checkpoint list')).output, /pre-stop/)
    // The same container, with the same source.
    const { output } = await dev.exec('docker compose ps --format "{{.Service}} {{.State}}"')
    assert.match(output, /daemon running/)
  })
})
