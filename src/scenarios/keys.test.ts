import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeApi, anthropicEvents, json, openAiEvents, stream } from '../testing/fake-api.ts'
import type { Behaviour, FakeCall } from '../testing/fake-api.ts'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'

/** In the environment of ksi; each as long and as odd as keys are. */
const keys = {
  KSI_OPENAI_COMPATIBLE_KEY: 'sk-planted-compatible-0123456789',
  OPENAI_API_KEY: 'sk-planted-openai-0123456789',
  ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
  ANTHROPIC_AUTH_TOKEN: 'planted-to-authenticate-0123456789',
  SOME_OTHER_SECRET: 'planted"with\\quotes-0123456789',
}
const words = Object.values(keys).join(' ')

/** What differs between the two APIs. */
interface Api {
  events: (answer: string) => string[]
  broken: (message: string) => string
}

const openAi: Api = {
  events: openAiEvents,
  broken: (message) => `data: ${JSON.stringify({ error: { type: 'server_error', message } })}\n\n`,
}
const anthropic: Api = {
  events: anthropicEvents,
  broken: (message) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message } })}\n\n`,
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_: Api, call: FakeCall): Behaviour =>
    json(code, { error: { type: 'some_error', message: `${words} ${JSON.stringify(call.headers)}` } }, headers)
const withHeaders = (response: ServerResponse, code: number, headers: Record<string, string>): void => {
  response.writeHead(code, words.replaceAll(/["\\]/g, ''), { 'content-type': 'application/json', ...headers })
}

/** Far ends that give away what they were sent, in every kind of failure; and two that do not fail. */
const leaks: Record<string, (api: Api, call: FakeCall) => Behaviour> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529].map((code) => [String(code), status(code)]),
  ),
  'limited for long': status(429, { 'retry-after': '3600' }),
  'a header that is a key': status(404, { 'x-request-id': keys.OPENAI_API_KEY, 'retry-after': keys.ANTHROPIC_API_KEY }),
  'a reason that is keys': () => (response) => {
    withHeaders(response, 401, {})
    response.end('{}')
  },
  'sent on to an address with a key': () => (response) => {
    withHeaders(response, 307, {
      location: `http://someone:${keys.OPENAI_API_KEY}@127.0.0.1:9/${keys.ANTHROPIC_API_KEY}`,
    })
    response.end()
  },
  'a page': () => json(200, `<html>${words}`, { 'content-type': 'text/html' }),
  'a page of an error': () => json(502, `<html>${words}`, { 'content-type': 'text/html' }),
  'no completion': () => json(200, { choices: [], said: words }),
  'no json': () => json(200, `{${words}`),
  'no event': () => stream([`event: content_block_delta\ndata: {${words}\n\n`]),
  'an error in the middle': (api) => stream([...api.events(words).slice(0, 9), api.broken(words)]),
  'cut in the middle': (api) => stream(api.events(`${words} and more`), { cutAfter: 30 }),
  'ends too soon': (api) => stream(api.events(`${words} and more`), { endAfter: 32 }),
  'silence in the middle': (api) => (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of api.events(words).slice(0, 34)) response.write(event)
  },
  'an answer of keys': (api) => stream(api.events(words)),
  'an answer that repeats its headers': (api, call) => stream(api.events(JSON.stringify(call.headers))),
}

/** What the stand-in of claude does with its key. */
const programLeaks = ['!exit 1 $ANTHROPIC_API_KEY', '!is_error $ANTHROPIC_API_KEY', '!env ANTHROPIC_API_KEY'].concat(
  [400, 401, 429, 529].map((code) => `!status ${code} $ANTHROPIC_API_KEY`),
)

const models = ['openai-compatible/m', 'openai/m', 'anthropic/m']

/** Every file of a ksi, and all that it printed; not what it was started with. */
function everythingOf(project: Project, ksi: Ksi): string {
  const files = readdirSync(project.path('var'), { recursive: true, encoding: 'utf8' }).map((file) => join('var', file))
  const plain = files.filter((file) => statSync(project.path(file)).isFile())
  for (const kind of ['.db', '.jsonl', '.log'])
    assert.ok(
      plain.some((file) => file.endsWith(kind)),
      `there is a ${kind}`,
    )
  return [...plain.map((file) => readFileSync(project.path(file), 'latin1')), ...ksi.raw].join('\n')
}

/** A far end that does with a call what its prompt says. */
function obey(response: ServerResponse, call: FakeCall): void | Promise<void> {
  const [, name = ''] = /leak: ([\w ]+);/.exec(JSON.stringify(call.body)) ?? []
  const api = call.path.endsWith('/messages') ? anthropic : openAi
  const leak = leaks[name]
  assert.ok(leak, `there is no leak "${name}"`)
  return leak(api, call)(response, call)
}

/** Sends all of them at once and follows each; resolves when each has been tried. */
async function leakAll(client: WireClient): Promise<string[]> {
  const asked = [
    ...models.flatMap((model) => Object.keys(leaks).map((name) => ({ model, prompt: `leak: ${name};` }))),
    ...programLeaks.map((prompt) => ({ model: 'claude-cli/sonnet', prompt })),
  ]
  const ids = await Promise.all(
    asked.map(async (request) => {
      const { request_id } = await client.request('completion:async', request)
      await client.request('completion:stream', { request_id })
      return String(request_id)
    }),
  )
  for (const limit = Date.now() + 20_000; ; await delay(50)) {
    const all = await Promise.all(ids.map((request_id) => client.request('completion:status', { request_id })))
    const tried = new Set(
      client.pushes.flatMap(({ data }) => (data['status'] === 'calling_provider' ? [String(data['request_id'])] : [])),
    )
    const untried = all.filter(({ status, request_id }) => status === 'processing' || !tried.has(String(request_id)))
    if (untried.length === 0) return ids
    // What one failure says holds its provider; here each request is to meet its own.
    const held = all.flatMap(({ status, model }) => (status === 'queued' ? [String(model).split('/')[0]] : []))
    for (const provider of new Set(held)) await client.request('completion:release', { provider })
    assert.ok(Date.now() < limit, JSON.stringify(untried.slice(0, 5)))
  }
}

test('no key gets out by any failure of any provider: not into a file, a push, a status, or a process', async () => {
  using project = makeProject()
  await using api = await FakeApi.start(obey)
  const sidecarPort = await freePort()
  await using ksi = await Ksi.start(project, {
    ...keys,
    KSI_SIDECAR: 'on',
    KSI_SIDECAR_PORT: String(sidecarPort),
    KSI_PROVIDER_SILENCE_MS: '1000',
    KSI_MAX_CONCURRENT: '1000',
    KSI_PROVIDER_CONCURRENT: 'none',
    KSI_CLAUDE_BIN: 'src/runner/testing/fake-claude.js',
    KSI_OPENAI_COMPATIBLE_URL: `${api.url}/v1`,
    OPENAI_BASE_URL: `${api.url}/v1`,
    ANTHROPIC_BASE_URL: api.url,
  })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const ids = await leakAll(client)
  assert.ok(
    api.calls.some(({ headers }) => headers.authorization === `Bearer ${keys.ANTHROPIC_API_KEY}`),
    'of a key and a token the key is used',
  )
  const { providers } = await client.request('completion:provider_status', {})
  assert.match(JSON.stringify(providers), /redacted/)
  const told = await Promise.all(ids.map((request_id) => client.request('completion:status', { request_id })))
  const page = await shownBy(`http://127.0.0.1:${sidecarPort}`)
  const shown = [everythingOf(project, ksi), JSON.stringify([await ksi.status(), providers, told, client.pushes]), page]
  assert.match(shown.join('\n'), /redacted/)
  for (const [name, key] of Object.entries(keys))
    for (const [n, text] of shown.entries())
      for (const form of [key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key), btoa(key)]) {
        const at = text.indexOf(form)
        assert.equal(at, -1, `${name} was seen in ${n}: ${text.slice(Math.max(0, at - 300), at + 50)}`)
      }
  const environment = readFileSync(`/proc/${await ksi.livePid()}/environ`, 'latin1')
  for (const name of Object.keys(keys)) assert.ok(!environment.includes(name), `${name} is in a generation`)
  for (const { request_id } of told.filter(({ completed_at }) => completed_at === null))
    await client.request('completion:cancel', { request_id })
})

/** What the sidecar shows to anybody. */
async function shownBy(url: string): Promise<string> {
  const texts: string[] = []
  for (const path of ['/status', '/readyz?verbose', '/'])
    for (const limit = Date.now() + 10_000; ; await delay(50)) {
      const reply = await fetch(`${url}${path}`).catch(() => undefined)
      if (reply?.status === 200 || reply?.status === 503) {
        texts.push(await reply.text())
        break
      }
      assert.ok(Date.now() < limit, `${path}: ${reply?.status}`)
    }
  assert.match(texts[0] ?? '', /"phase"|"daemon"/)
  return texts.join('\n')
}
