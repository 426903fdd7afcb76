import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeApi, anthropicEvents, json, openAiEvents, stream } from '../../testing/fake-api.ts'
import type { Behaviour } from '../../testing/fake-api.ts'
import { freePort } from '../../testing/free-port.ts'
import { makeContext } from '../testing/context.ts'
import { makeInput } from '../testing/inputs.ts'
import { createAnthropic } from './anthropic.ts'
import { createOpenAi } from './openai.ts'
import type { Provider } from './provider.ts'
import { ProviderError } from './provider.ts'

/*
 * What can go wrong between a provider and its far end, and what is seen then: the table of docs/providers.md,
 * "Outages". Each row is made to happen with both APIs.
 */

/** What becomes of the request, in the words the table begins with. */
type Ends = 'completed' | 'failed' | 'tried again' | 'waits'

interface Outage {
  ends: Ends
  /** whoever else asks now fares the same: it counts for the circuit of the provider */
  circuit?: true
  /** what is told of it */
  says: RegExp
  /** the least and the most that is waited for, in ms */
  afterMs?: [number, number]
  behave?: (api: Api) => Behaviour
  /** where it is called instead */
  url?: (own: string) => string | Promise<string>
}

/** What differs between the two. */
interface Api {
  events: (answer: string) => string[]
  /** an error's body */
  error: (type: string, message: string) => object
  /** an error within a stream */
  broken: (type: string, message: string) => string
  /** an answer in one body */
  whole: object
}

const body = (error: object): string => JSON.stringify(error)
const openAi: Api = {
  events: openAiEvents,
  error: (type, message) => ({ error: { type, code: type, message } }),
  broken: (type, message) => `data: ${body({ error: { type, message } })}\n\n`,
  whole: { choices: [{ index: 0, message: { role: 'assistant', content: 'whole' }, finish_reason: 'stop' }] },
}
const anthropic: Api = {
  events: anthropicEvents,
  error: (type, message) => ({ type: 'error', error: { type, message } }),
  broken: (type, message) => `event: error\ndata: ${body({ type: 'error', error: { type, message } })}\n\n`,
  whole: { type: 'message', content: [{ type: 'text', text: 'whole' }] },
}

const answer = 'so many words, one after the other, until all is said'
const status =
  (code: number, type: string, message: string, headers: Record<string, string> = {}) =>
  (api: Api): Behaviour =>
    json(code, api.error(type, message), headers)
const limited = (headers: Record<string, string>) => status(429, 'rate_limit_error', 'slow down', headers)
const inSeconds = (seconds: number): string => String(Math.floor(Date.now() / 1_000) + seconds)
const hang: Behaviour = () => {}
/** Longer than what the tests wait for at most. */
const silenceMs = 400

const outages: Record<string, Outage> = {
  'nobody listens there': {
    ends: 'tried again',
    circuit: true,
    says: /could not be reached, or broke off: .*ECONNREFUSED/,
    url: async () => `http://127.0.0.1:${await freePort()}`,
  },
  'the host name is not known': {
    ends: 'tried again',
    circuit: true,
    says: /ENOTFOUND|EAI_AGAIN/,
    url: () => 'http://nowhere.invalid',
  },
  'the connection is cut before an answer': {
    ends: 'tried again',
    circuit: true,
    says: /broke off/,
    behave: () => (response) => void response.destroy(),
  },
  '400: the request is not valid': {
    ends: 'failed',
    says: /400 too many tokens/,
    behave: status(400, 'invalid_request_error', 'too many tokens'),
  },
  '401: the key is wrong': {
    ends: 'failed',
    says: /401 no such key/,
    behave: status(401, 'authentication_error', 'no such key'),
  },
  '403: not allowed': {
    ends: 'failed',
    says: /403 not for you/,
    behave: status(403, 'permission_error', 'not for you'),
  },
  '404: no such model': {
    ends: 'failed',
    says: /404 no such model/,
    behave: status(404, 'not_found_error', 'no such model'),
  },
  '408: too slow for the server': {
    ends: 'tried again',
    says: /408/,
    behave: status(408, 'timeout_error', 'too slow'),
  },
  '413: too large': { ends: 'failed', says: /413 too large/, behave: status(413, 'request_too_large', 'too large') },
  '429 with Retry-After in seconds': {
    ends: 'waits',
    says: /429 slow down/,
    afterMs: [7_000, 7_000],
    behave: limited({ 'retry-after': '7' }),
  },
  '429 with Retry-After as a date': {
    ends: 'waits',
    says: /429/,
    afterMs: [50_000, 61_000],
    behave: (api) => limited({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })(api),
  },
  '429 with retry-after-ms': {
    ends: 'waits',
    says: /429/,
    afterMs: [250, 250],
    behave: limited({ 'retry-after-ms': '250' }),
  },
  '429 with x-ratelimit-reset-requests': {
    ends: 'waits',
    says: /429/,
    afterMs: [360_000, 360_000],
    behave: limited({ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-remaining-requests': '0' }),
  },
  '429 with anthropic-ratelimit-unified-reset': {
    ends: 'waits',
    says: /429/,
    afterMs: [3_500_000, 3_600_000],
    behave: (api) => limited({ 'anthropic-ratelimit-unified-reset': inSeconds(3_600) })(api),
  },
  '429 without a word of when': { ends: 'waits', says: /429 slow down/, behave: limited({}) },
  '429: nothing is paid for': {
    ends: 'failed',
    says: /exceeded your current quota/,
    behave: status(429, 'insufficient_quota', 'You exceeded your current quota'),
  },
  '429: the request alone is too large for the limit': {
    ends: 'failed',
    says: /Request too large for m/,
    behave: status(429, 'tokens', 'Request too large for m on tokens per min (TPM): Limit 30000, Requested 50000.'),
  },
  '500: the server failed': { ends: 'tried again', says: /500 oh no/, behave: status(500, 'api_error', 'oh no') },
  '502 with a page of HTML': {
    ends: 'tried again',
    circuit: true,
    says: /502/,
    behave: () => json(502, '<html>Bad gateway', { 'content-type': 'text/html' }),
  },
  '503 with Retry-After': {
    ends: 'tried again',
    circuit: true,
    says: /503/,
    afterMs: [3_000, 3_000],
    behave: status(503, 'api_error', 'later', { 'retry-after': '3' }),
  },
  '529: overloaded': {
    ends: 'tried again',
    circuit: true,
    says: /529 Overloaded/,
    behave: status(529, 'overloaded_error', 'Overloaded'),
  },
  '500 with x-should-retry: false': {
    ends: 'failed',
    says: /500 never/,
    behave: status(500, 'api_error', 'never', { 'x-should-retry': 'false' }),
  },
  'overloaded in the middle of an answer': {
    ends: 'tried again',
    circuit: true,
    says: /Overloaded/,
    behave: (api) => stream([...api.events(answer).slice(0, 5), api.broken('overloaded_error', 'Overloaded')]),
  },
  'an error of the request in the middle of an answer': {
    ends: 'failed',
    says: /not like this/,
    behave: (api) => stream([...api.events(answer).slice(0, 5), api.broken('invalid_request_error', 'not like this')]),
  },
  'the connection is cut in the middle of an answer': {
    ends: 'tried again',
    circuit: true,
    says: /broke off/,
    behave: (api) => stream(api.events(answer), { cutAfter: 6 }),
  },
  'the answer ends before its end': {
    ends: 'tried again',
    circuit: true,
    says: /broke off in the middle of its answer, after \d+ characters/,
    behave: (api) => stream(api.events(answer), { endAfter: 6 }),
  },
  'an answer in slow drips': {
    ends: 'completed',
    says: /until all is said/,
    behave: (api) => stream(api.events(answer), { everyMs: 30 }),
  },
  'no answer at all': {
    ends: 'tried again',
    circuit: true,
    says: /said nothing for 400 ms \(KSI_PROVIDER_SILENCE_MS\)/,
    behave: () => hang,
  },
  'silence in the middle of an answer': {
    ends: 'tried again',
    circuit: true,
    says: /said nothing for 400 ms/,
    behave: (api) => (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of api.events(answer).slice(0, 5)) response.write(event)
    },
  },
  'a page of HTML with 200': {
    ends: 'failed',
    says: /answered text\/html where a completion was to come: .*Sign in.* Check the address/,
    behave: () => json(200, '<html>Sign in', { 'content-type': 'text/html; charset=utf-8' }),
  },
  'an event that is no JSON': {
    ends: 'tried again',
    says: /answered something that is no JSON/,
    behave: (api) => stream([...api.events(answer).slice(0, 4), 'event: content_block_delta\ndata: {"half\n\n']),
  },
  'a body that is no JSON': { ends: 'tried again', says: /no JSON/, behave: () => json(200, '{"half') },
  'JSON that is no completion': {
    ends: 'failed',
    says: /answered no completion: .*warming up/,
    behave: () => json(200, { status: 'warming up' }),
  },
  'a body in one piece, though a stream was asked for': {
    ends: 'completed',
    says: /^whole$/,
    behave: (api) => json(200, api.whole),
  },
  'nothing with 200': { ends: 'tried again', circuit: true, says: /broke off/, behave: () => stream([]) },
  'an answer of 10 MB': {
    ends: 'completed',
    says: /^x+$/,
    behave: (api) => stream(api.events('x'.repeat(10_485_760))),
  },
  'an answer of more than 16 MiB': {
    ends: 'failed',
    says: /answered more than 16 MiB/,
    behave: (api) => stream(api.events('x'.repeat(17 * 1024 * 1024))),
  },
}

/** Both, with the SDKs loaded: their first import is not to count as silence. */
async function providersAt(url: string): Promise<[Provider, Api][]> {
  const endpoint = { key: 'sk-test-0123456789', missing: () => undefined, silenceMs }
  await Promise.all([import('openai'), import('@anthropic-ai/sdk')])
  return [
    [createOpenAi({ ...endpoint, name: 'openai-compatible', url: `${url}/v1` }), openAi],
    [createAnthropic({ ...endpoint, token: undefined, url }), anthropic],
  ]
}

for (const [name, outage] of Object.entries(outages))
  test(`${name}: ${outage.ends}`, async () => {
    await using api = await FakeApi.start(hang)
    for (const [provider, kind] of await providersAt((await outage.url?.(api.url)) ?? api.url)) {
      api.behave = outage.behave?.(kind) ?? hang
      const input = makeInput({ model: `${provider.name}/m` })
      const run = provider.run(input, makeContext())
      if (outage.ends === 'completed') {
        const result = String((await run).response['result'])
        assert.match(result, outage.says)
        if (name.includes('10 MB')) assert.equal(result.length, 10_485_760)
        continue
      }
      const error = await run.then(
        () => assert.fail(`${provider.name} completed`),
        (reason: unknown) => reason,
      )
      assert.ok(error instanceof ProviderError, String(error))
      // Anthropic tells at once what was read: that is counted, whatever comes of it.
      if (provider.name === 'anthropic' && name.includes('the middle')) assert.equal(error.usage?.input_tokens, 11)
      assert.match(error.message, outage.says)
      const ends: Ends = error.limited ? 'waits' : error.retryable ? 'tried again' : 'failed'
      assert.equal(ends, outage.ends, `${provider.name}: ${error.message}`)
      assert.equal(error.outage, outage.circuit ?? false, `${provider.name}: ${error.message}`)
      const [least, most] = outage.afterMs ?? [undefined, undefined]
      if (least === undefined) assert.equal(error.retryAfterMs, undefined)
      else assert.ok((error.retryAfterMs ?? -1) >= least && (error.retryAfterMs ?? -1) <= (most ?? least))
    }
  })

test('the table of outages is this one', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/providers.md'), 'utf8')
  const table = page.slice(page.indexOf('## Outages'), page.indexOf('## Outages of claude'))
  const rows = [...table.matchAll(/^\| ([^|°]+)( °)? \| (completed|failed|tried again|waits)\b[^|]*\|$/gm)]
  assert.deepEqual(
    rows.map(([, name, mark, ends]) => [name, mark !== undefined, ends]),
    Object.entries(outages).map(([name, { ends, circuit = false }]) => [name, circuit, ends]),
  )
})
