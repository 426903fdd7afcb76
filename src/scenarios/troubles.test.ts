import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { signal } from '../testing/processes.ts'
import type { Data } from '../testing/wire-client.ts'

/** Saved into a function it makes it throw. */
const bug = "if (Date.now() > 0) throw new Error('a bug was saved')\n"

const broken: { what: string; file: string; into: string }[] = [
  {
    what: 'starting a request',
    file: 'src/daemon/completion/run-input.ts',
    into: '  const data = core.requests.payload(request.request_id)\n',
  },
  {
    what: 'taking in an outcome',
    file: 'src/daemon/completion/settle.ts',
    into: "  if (outcome.status === 'completed') return complete(core, row, outcome)\n",
  },
  {
    what: 'writing a response file',
    file: 'src/daemon/completion/response-files.ts',
    into: '    const prompt = promptLine(row, this.#core.requests.payload(row.request_id))\n',
  },
]

test('a bug saved into what goes on by itself is trouble by name until it is mended, and nothing is lost', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const health = (): Promise<Data> => client.request('system:health')
  const cli = (command: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [project.path('src/cli/ksi.js'), command, '--root', project.root], {
      env: { ...process.env, NO_COLOR: '1' },
    }).catch((error: { stdout: string; code: number }) => ({ stdout: `${error.code} ${error.stdout}` }))
  for (const { what, file, into } of broken) {
    const before = (await ksi.status()).generation ?? 0
    project.edit(file, (text) => text.replace(into, `${bug}${into}`))
    const line =
      readFileSync(project.path(file), 'utf8')
        .split('\n')
        .findIndex((text) => text.includes(bug.trim())) + 1
    await ksi.untilStatus(({ generation, phase }) => phase === 'live' && (generation ?? 0) > before)
    const { request_id } = await client.request('completion:async', { prompt: what, session_id: 's' })
    const { troubles, phase } = await ksi.untilStatus((status) => status.troubles.some((one) => one.what === what))
    const trouble = troubles.find((one) => one.what === what)
    assert.deepEqual([phase, trouble?.message, trouble?.file], ['live', 'a bug was saved', `${file}:${line}`])
    assert.equal((await health()).status, 'unhealthy')
    assert.match((await cli('health')).stdout, new RegExp(`^1 unhealthy: .*\\n.*${what}.*${file}`))
    assert.match((await cli('status')).stdout, new RegExp(`${what}.*${file}`))
    project.edit(file, (text) => text.replace(bug, ''))
    const done = await client.request('completion:wait', { request_id })
    assert.equal(done.status, 'completed', what)
    await ksi.untilStatus(({ generation, troubles: left }) => (generation ?? 0) > before + 1 && left.length === 0)
    assert.equal((await health()).status, 'healthy')
  }
})

test('a runner that never answers is named as long as work waits for it; the work is done once it does', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '60000' })
  using client = await ksi.client()
  const runner = await ksi.runnerPid()
  signal(runner, 'SIGSTOP')
  await client.request('system:reload')
  const { request_id } = await client.request('completion:async', { prompt: 'x' })
  const { troubles } = await ksi.untilStatus((status) => status.troubles.length > 0)
  assert.match(String(troubles[0]?.message), /^1 request waits, and none begins. The runner \S+ does not answer\.$/)
  assert.equal((await client.request('system:health')).status, 'unhealthy')
  signal(runner, 'SIGCONT')
  assert.equal((await client.request('completion:wait', { request_id })).status, 'completed')
  await ksi.untilStatus((status) => status.troubles.length === 0)
})
