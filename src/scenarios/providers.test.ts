import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeApi, json, openAiEvents, stream } from '../testing/fake-api.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Data, WireClient } from '../testing/wire-client.ts'

const model = 'openai-compatible/some-model'
/** In the environment of ksi. What becomes of them: keys.test.ts. */
const keys = {
  KSI_OPENAI_COMPATIBLE_KEY: 'sk-planted-compatible-0123456789',
  OPENAI_API_KEY: 'sk-planted-openai-0123456789',
  ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
}

async function ask(client: WireClient, data: Data): Promise<Data> {
  const { request_id } = await client.request('completion:async', data)
  return client.request('completion:wait', { request_id })
}

test('conversations with a server that keeps none go on over saves, and are counted', async () => {
  using project = makeProject()
  await using api = await FakeApi.start(stream(openAiEvents('the answer')))
  await using ksi = await Ksi.start(project, {
    ...keys,
    KSI_OPENAI_COMPATIBLE_URL: `${api.url}/v1`,
    OPENAI_BASE_URL: `${api.url}/v1`,
    ANTHROPIC_BASE_URL: api.url,
  })
  using client = await ksi.client()
  const first = await ask(client, { prompt: 'one', session_id: 'chat', model, agent_id: 'ann' })
  assert.equal(first.status, 'completed', JSON.stringify(first))
  assert.equal(first.session_id, 'chat')
  const { response, ksi: about } = first.result as { response: Data; ksi: Data }
  assert.equal(response.result, 'the answer')
  assert.equal(response.system_fingerprint, 'fp', 'what the server said is there as it was said')
  const usage = { input_tokens: 11, output_tokens: 7, cache_read_tokens: 3, cache_write_tokens: 0, cost_usd: 0.5 }
  assert.deepEqual(about.usage, usage)
  await client.request('system:reload')
  const second = await ask(client, { prompt: 'two', session_id: 'chat', system: 'be brief', temperature: 0.5 })
  assert.equal(second.status, 'completed', JSON.stringify(second))
  assert.deepEqual(api.last.body.messages, [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'the answer' },
    { role: 'user', content: 'two' },
  ])
  assert.equal(api.last.body.temperature, 0.5)
  assert.equal(api.last.headers.authorization, `Bearer ${keys.KSI_OPENAI_COMPATIBLE_KEY}`)
  const one = { ...usage, runs: 1, total_tokens: 18 }
  const both = Object.fromEntries(Object.entries(one).map(([name, n]) => [name, 2 * n]))
  for (const filter of [{}, { session_id: 'chat' }, { conversation_id: 'chat' }, { model }, { hours: 1 }])
    assert.deepEqual((await client.request('completion:token_usage', filter)).total, both, JSON.stringify(filter))
  for (const filter of [{ agent_id: 'ann' }, { request_id: first.request_id }]) {
    const { by_model, by_day, by_agent, by_conversation } = await client.request('completion:token_usage', filter)
    const days = Object.keys(by_day as Data)
    assert.deepEqual([by_model, by_agent, by_conversation], [{ [model]: one }, { ann: one }, { chat: one }])
    assert.match(days.join(), /^\d{4}-\d\d-\d\d$/)
  }
  const refused = await client.request('completion:async', {
    prompt: 'x',
    model,
    extra_body: { claude: { max_turns: 1 } },
  })
  assert.equal(refused.code, 'KSI_UNSUPPORTED_PARAMETER')

  api.behave = stream(openAiEvents('x'.repeat(10_485_760)))
  const large = await ask(client, { prompt: 'much', model, session_id: 'large' })
  assert.equal((large.result as { response: { result: string } }).response.result.length, 10_485_760)

  api.behave = json(401, { error: { message: `bad key ${keys.KSI_OPENAI_COMPATIBLE_KEY}` } })
  assert.equal((await ask(client, { prompt: 'x', model })).status, 'failed')
  const { providers } = await client.request('completion:provider_status', {})
  const standing = Object.fromEntries((providers as Data[]).map((state) => [state.provider, state.configured]))
  assert.deepEqual(standing, {
    echo: true,
    'claude-cli': standing['claude-cli'],
    openai: true,
    'openai-compatible': true,
    anthropic: true,
  })
  const asked = await client.request('completion:provider_status', { provider: 'openai-compatible' })
  const [state] = asked.providers as Data[]
  assert.equal(state?.healthy, false)
  assert.match(String(state?.last_error), /redacted/)
})
