import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeProject } from '../testing/project.ts'
import { textOf } from './testing/text-of.ts'

const root = mkdtempSync(join(tmpdir(), 'ksi-sidecar-'))
after(() => {
  rmSync(root, { recursive: true, force: true })
})

/** Starts an entry point; `said` resolves with the next log line whose message fits. */
function start(
  file: string,
  env: Record<string, string>,
): { child: ChildProcess; said: (message: string) => Promise<Record<string, unknown>>; ended: Promise<unknown[]> } {
  const path = new URL(file, import.meta.url).pathname
  const child = fork(path, [], {
    env: { KSI_ROOT: root, KSI_MODE: 'dev', KSI_LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  assert(child.stdout)
  // One that a failed test leaves would keep this process too.
  after(() => child.kill('SIGKILL'))
  const next = textOf(child.stdout)
  return {
    child,
    ended: once(child, 'exit'),
    said: async (message) =>
      JSON.parse((await next(new RegExp(`^.*${message}.*$`, 'm')))[0]) as Record<string, unknown>,
  }
}

test(
  'the sidecar answers with nothing else there, says why, and ends at once when told to',
  { timeout: 10_000 },
  async () => {
    const { child, said, ended } = start('main.ts', { KSI_SIDECAR_PORT: '0' })
    const { url } = await said('sidecar ready')
    const reply = await fetch(`${String(url)}/status`)
    assert.equal(reply.status, 503)
    const stream = await fetch(`${String(url)}/events`)
    const at = Date.now()
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
    assert(Date.now() - at < 1_000)
    await stream.text()
  },
)

test('in a container of its own it goes on as its new code, in the same process', { timeout: 20_000 }, async () => {
  using project = makeProject()
  const env = {
    KSI_ROOT: project.root,
    KSI_SIDECAR: 'elsewhere',
    KSI_SIDECAR_PORT: '0',
    KSI_PUBLISHED: '127.0.0.1:4999',
  }
  const { child, said, ended } = start(project.path('src/sidecar/main.ts'), env)
  assert.equal((await said('sidecar ready'))['url'], 'http://127.0.0.1:4999', 'where the port is published')
  project.edit('src/daemon/health.ts', (text) => `${text}\n// none of its own\n`)
  project.edit('src/sidecar/main.ts', (text) => text.replace('sidecar ready at', 'new code ready at'))
  assert.deepEqual((await said('its code has changed'))['files'], ['src/sidecar/main.ts'])
  await said('new code ready')
  project.edit('src/lib/log.ts', (text) => `${text}\n// once more\n`)
  await said('new code ready')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('the sidecar ends when its parent is gone', { timeout: 10_000 }, async () => {
  const { child, said, ended } = start('main.ts', { KSI_SIDECAR_PORT: '0' })
  await said('sidecar ready')
  child.disconnect()
  assert.deepEqual(await ended, [0, null])
})

test('a port in use is an exit code and a sentence', { timeout: 10_000 }, async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  const address = squatter.address()
  assert(typeof address === 'object' && address !== null)
  const { said, ended } = start('main.ts', { KSI_SIDECAR_PORT: String(address.port) })
  assert.match(String((await said('cannot listen'))['msg']), /Set KSI_SIDECAR_PORT to a free port/)
  assert.deepEqual(await ended, [75, null])
  squatter.close()
})

test(
  'the Docker proxy does not start without a project, and ends at once when told to',
  { timeout: 10_000 },
  async () => {
    const socketPath = join(root, 'proxy.sock')
    const without = start('docker-proxy.ts', {})
    assert.match(String((await without.said('KSI_DOCKER_PROJECT'))['msg']), /the name of the Compose project/)
    assert.deepEqual(await without.ended, [78, null])
    const { child, said, ended } = start('docker-proxy.ts', {
      KSI_DOCKER_PROJECT: 'mine',
      DOCKER_PROXY_SOCKET: socketPath,
    })
    await said('docker proxy ready')
    const [pong] = (await once(request({ socketPath, path: '/_ping' }).end(), 'response')) as [IncomingMessage]
    assert.equal(pong.statusCode, 200)
    assert.equal(statSync(socketPath).mode & 0o777, 0o660, 'for its owner and the group of the sidecar')
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  },
)
