import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestRoot, accept } from '../testing/test-core.ts'

const claude = 'claude-cli/sonnet'

test('what a provider cannot honour is refused by name, with the provider, and nothing of it is kept', () => {
  using root = new TestRoot()
  const core = root.core()
  const refused: [data: Record<string, unknown>, parameters: string[]][] = [
    [{ model: claude, temperature: 0, tools: [{ name: 'x' }] }, ['tools', 'temperature']],
    [{ model: 'anthropic/x', seed: 1 }, ['seed']],
    [{ model: 'openai/x', top_k: 1, extra_body: { claude: { max_turns: 1 } } }, ['top_k', 'extra_body.claude']],
    [{ model: claude, extra_body: { max_tokens: 5 } }, ['extra_body.max_tokens']],
    [{ priority: 'high' }, ['priority']],
    [{ circuit_breaker_config: { threshold: 1 } }, ['circuit_breaker_config']],
    [{ extra_body: { ksi: { sandbox: 'x' } } }, ['extra_body.ksi']],
    [{ agent_config: { permission_profile: 'none' } }, ['agent_config.permission_profile']],
    [{ agent_config: { profile: 'x', composition: 'y' } }, ['agent_config.composition']],
  ]
  for (const [data, parameters] of refused)
    assert.throws(() => accept(core, data), { code: 'KSI_UNSUPPORTED_PARAMETER', details: { parameters } })
  assert.throws(() => accept(core, { model: claude, seed: 1 }), { message: /claude-cli does not take seed/ })
  assert.equal(core.requests.total('queued'), 0)
  const taken = {
    model: claude,
    temperature: null,
    seed: null,
    priority: 'normal',
    extra_body: { ksi: {}, claude: {} },
  }
  accept(core, taken)
  accept(core, { model: 'nobody/knows', seed: 1 })
})

test('a key in a request is refused by its place, never by its value: it would be kept with the request', () => {
  using root = new TestRoot()
  const core = root.core()
  const secret = 'sk-planted-in-a-request'
  const places: [extra: Record<string, unknown>, place: string][] = [
    [{ api_key: secret }, 'extra_body.api_key'],
    [{ headers: { 'x-api-key': secret } }, 'extra_body.headers'],
    [{ provider: { options: [{ apiKey: secret }] } }, 'extra_body.provider.options.0.apiKey'],
    [{ Authorization: `Bearer ${secret}` }, 'extra_body.Authorization'],
    [{ claude: { env: { ANTHROPIC_AUTH_TOKEN: secret } } }, 'extra_body.claude.env.ANTHROPIC_AUTH_TOKEN'],
  ]
  for (const [extra_body, place] of places)
    assert.throws(
      () => accept(core, { model: 'openai/x', extra_body }),
      (error: Error & { details: unknown }) => {
        assert.deepEqual(error.details, { parameters: [place] })
        assert.ok(!JSON.stringify([error.message, error.details]).includes(secret))
        return true
      },
    )
  accept(core, { model: 'openai/x', extra_body: { prompt_cache_key: 'fine', max_completion_tokens: 5 } })
})
