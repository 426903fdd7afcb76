import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { FakeApi, anthropicEvents, openAiEvents, stream } from '../../testing/fake-api.ts'
import type { Data } from '../../testing/wire-client.ts'

/** The version that other tests run too. */
const manifest = readFileSync(join(import.meta.dirname, '../../../.ci/claude/package.json'), 'utf8')
const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> }

describe('providers from within Docker', { skip: skipWithoutEngine() }, () => {
  test('a server on this machine is reached, and claude goes on from its session in a new container', async () => {
    await using api = await FakeApi.start(
      (response, call) =>
        stream(call.path.includes('/messages') ? anthropicEvents('by claude') : openAiEvents('by the server'))(
          response,
          call,
        ),
      '0.0.0.0',
    )
    const there = `http://host.docker.internal:${api.port}`
    await using stack = await Stack.up({
      KSI_CLAUDE_CODE: dependencies['@anthropic-ai/claude-code'],
      KSI_OPENAI_COMPATIBLE_URL: `${there}/v1`,
      ANTHROPIC_BASE_URL: there,
      ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
    })
    const ask = async (data: Data): Promise<Data> => {
      using client = await stack.client()
      const { request_id } = await client.request('completion:async', data)
      const told = await client.request('completion:wait', { request_id })
      assert.equal(told.status, 'completed', JSON.stringify(told))
      return (told.result as { response: Data }).response
    }
    assert.equal((await ask({ prompt: 'hello', model: 'openai-compatible/llama3.2' })).result, 'by the server')
    assert.equal(api.last.body.model, 'llama3.2')
    const model = 'claude-cli/sonnet'
    assert.equal((await ask({ prompt: 'question one', session_id: 'chat', model })).result, 'by claude')
    await stack.compose('up', '--detach', '--wait', '--force-recreate', 'daemon')
    await stack.untilLive()
    await ask({ prompt: 'question two', session_id: 'chat' })
    assert.match(JSON.stringify(api.last.body.messages), /question one.*by claude.*question two/)
    const printed = await stack.compose('exec', '--no-TTY', 'daemon', 'ksi', 'providers')
    assert.match(printed, /^claude-cli\/… +healthy/m)
    assert.match(printed, /^openai\/… +not configured: Set OPENAI_API_KEY/m)
  })
})
