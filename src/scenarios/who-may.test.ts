import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import { WireClient } from '../testing/wire-client.ts'

const run = promisify(execFile)

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

/** Runs the ksi command about this project; its standard output. */
async function ksiSays(project: Project, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [project.path('src/cli/ksi.js'), ...args, '--root', project.root])
  return stdout.trim()
}

/** What a first line on TCP is answered with: the code of the error, or undefined. */
async function knock(port: number, first: Record<string, unknown>): Promise<unknown> {
  using client = await WireClient.connect(port)
  return (await client.reply('system:health', {}, first))['code']
}

/** As nobody has said anything of tokens: the default. */
const unsaid = { KSI_TOKEN: '' }

test('on TCP a token is asked for: made once, shown by `ksi token` and replaced by `ksi token --new`', async () => {
  using project = makeProject()
  let token: string
  {
    await using ksi = await Ksi.start(project, unsaid)
    const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
    assert.deepEqual(
      [await knock(port, {}), await knock(port, { _token: 'guessed' }), await knock(port, { _token: '' })],
      ['KSI_UNAUTHORIZED', 'KSI_UNAUTHORIZED', 'KSI_UNAUTHORIZED'],
    )
    token = await ksiSays(project, 'token')
    assert.equal(readFileSync(project.path('var/secret/token'), 'utf8').trim(), token)
    assert.equal(statSync(project.path('var/secret/token')).mode & 0o777, 0o600)
    assert.equal(await knock(port, { _token: token }), undefined)
    assert.match(ksi.output(), /token +asked for on tcp .*ksi token/)
    assert.doesNotMatch(ksi.raw.join('\n'), new RegExp(token))
  }
  await using ksi = await Ksi.start(project, unsaid)
  const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
  assert.equal(await knock(port, { _token: token }), undefined, 'the same after a new start')
  const next = await ksiSays(project, 'token', '--new')
  assert.deepEqual(
    [await knock(port, { _token: token }), await knock(port, { _token: next })],
    ['KSI_UNAUTHORIZED', undefined],
  )
})

test('the reading token reads over TCP, and queues, clears and ends nothing', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const _token = readFileSync(project.path('var/reading/token'), 'utf8').trim()
  using client = await WireClient.connect(Number((await ksi.status()).addresses.tcp.split(':').at(-1)))
  assert.equal((await client.reply('supervisor:status', {}, { _token }))['code'], undefined)
  for (const [event, data] of [
    ['completion:async', { prompt: 'x' }],
    ['dev:checkpoint', { action: 'clear_all' }],
    ['system:shutdown', {}],
    ['system:reload', {}],
  ] as const)
    assert.equal((await client.request(event, data))['code'], 'KSI_UNAUTHORIZED', event)
  const { status_counts } = await client.request('completion:status')
  assert.deepEqual(
    Object.values(status_counts as Record<string, number>).filter((n) => n > 0),
    [],
  )
  assert.equal((await ksi.status()).swaps, 0)
})

test('a host that lets other machines in is refused without a word on the token', async () => {
  using project = makeProject()
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    const refused = Ksi.launch(project, { ...unsaid, KSI_HOST: host })
    assert.equal(await refused.exited, 78)
    assert.match(refused.output(), /KSI_HOST=.* lets other machines in\. Set KSI_TOKEN=auto/)
  }
  await using ksi = await Ksi.start(project, { KSI_TOKEN: 'auto', KSI_HOST: '0.0.0.0' })
  const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
  assert.equal(await knock(port, {}), 'KSI_UNAUTHORIZED')
})

test('the page shows how ksi is to all, no prompt and no answer to anybody, and `ksi page` links to it', async () => {
  using project = makeProject()
  const sidecarPort = await freePort()
  await using ksi = await Ksi.start(project, { ...unsaid, KSI_SIDECAR: 'on', KSI_SIDECAR_PORT: String(sidecarPort) })
  using client = await ksi.client()
  const { request_id } = await client.request('completion:async', { prompt: 'my secret', session_id: 's' })
  await client.request('completion:wait', { request_id })
  const link = await ksiSays(project, 'page')
  const _token = readFileSync(project.path('var/reading/token'), 'utf8').trim()
  assert.equal(link, `http://127.0.0.1:${sidecarPort}/?token=${_token}`)
  const url = `http://127.0.0.1:${sidecarPort}`
  const status = await untilUp(`${url}/status`)
  assert.doesNotMatch(status, /my secret/)
  assert.doesNotMatch(status, new RegExp(_token))
  const opened = await fetch(link, { redirect: 'manual' })
  assert.deepEqual([opened.status, opened.headers.get('location')], [303, '/'])
  assert.match(opened.headers.get('set-cookie') ?? '', new RegExp(`^ksi-${sidecarPort}=.*SameSite=Strict$`))
  await ksiSays(project, 'token', '--new')
  assert.equal((await fetch(link, { redirect: 'manual' })).status, 401)
  assert.doesNotMatch(ksi.raw.join('\n'), new RegExp(_token))
})

/** The body of the first 200. */
async function untilUp(url: string): Promise<string> {
  for (;;) {
    const reply = await fetch(url).catch(() => undefined)
    if (reply?.status === 200) return reply.text()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
