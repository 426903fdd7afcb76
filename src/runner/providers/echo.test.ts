import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunInput } from '../../contracts/runner.ts'
import { makeInput } from '../testing/inputs.ts'
import { createEcho } from './echo.ts'
import type { ProviderResult } from './provider.ts'

function run(
  given: Partial<RunInput>,
  options: { signal?: AbortSignal; onProgress?: (data: Record<string, unknown>) => void } = {},
): Promise<ProviderResult> {
  const { signal = new AbortController().signal, onProgress = () => {} } = options
  return createEcho().run(makeInput(given), { signal, onProgress, onChunk: () => {} })
}

test('answers with the last message in the shape litellm has', async () => {
  const messages = [
    { role: 'user', content: 'one two' },
    { role: 'user', content: [{ type: 'text', text: 'three four five' }] },
  ]
  const { response, session_id } = await run({ request_id: 'r1', messages, prompt: 'not this', attempt: 2 })
  assert.match(session_id ?? '', /^echo-[0-9a-f]{12}$/)
  assert.deepEqual(response, {
    result: 'three four five',
    model: 'echo/echo',
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
    session_id,
    metadata: { provider: 'echo', request_id: 'r1', attempt: 2 },
  })
})

test('is deterministic: every try of a request gets the same answer and session', async () => {
  const first = await run({ request_id: 'r1', run_id: 'a' })
  assert.deepEqual(await run({ request_id: 'r1', run_id: 'b' }), first)
  assert.notEqual((await run({ request_id: 'r2' })).session_id, first.session_id)
})

test('stays in the session it is given, unless asked for a new one', async () => {
  const kept = await run({ session_id: 's1' })
  assert.equal(kept.session_id, 's1')
  assert.equal((kept.response['metadata'] as Record<string, unknown>)['resumed_session'], 's1')
  const fresh = await run({ session_id: 's1', extra_body: { echo: { new_session: true } } })
  assert.match(fresh.session_id ?? '', /^echo-[0-9a-f]{12}$/)
  assert.equal((fresh.response['metadata'] as Record<string, unknown>)['resumed_session'], 's1')
})

test('takes as long as asked and tells of tokens on the way, at most 20 times', async () => {
  const told: unknown[] = []
  const began = performance.now()
  const { response } = await run(
    { extra_body: { echo: { latency_ms: 60, tokens: 1_000 } } },
    { onProgress: (data) => told.push(data['tokens']) },
  )
  assert.ok(performance.now() - began >= 55)
  assert.equal(told.length, 20)
  assert.equal(told[0], 50)
  assert.equal(told[19], 1_000)
  assert.equal((response['usage'] as Record<string, unknown>)['completion_tokens'], 1_000)
})

test('ends at once when it is aborted', async () => {
  const controller = new AbortController()
  const result = run({ extra_body: { echo: { latency_ms: 3_600_000 } } }, { signal: controller.signal })
  controller.abort('abort')
  await assert.rejects(result, (reason) => reason === 'abort')
})

test('fails as asked, the first tries only when they are numbered', async () => {
  await assert.rejects(run({ extra_body: { echo: { fail: 'final' } }, attempt: 9 }), {
    name: 'ProviderError',
    retryable: false,
    reason: 'provider_error',
  })
  const echo = { fail: 'retryable', fail_times: 2 }
  await assert.rejects(run({ extra_body: { echo }, attempt: 2 }), { retryable: true })
  assert.equal((await run({ extra_body: { echo }, attempt: 3 })).response['result'], 'hello there')
})

test('options it does not understand fail for good, naming them', async () => {
  await assert.rejects(run({ extra_body: { echo: { latency_ms: 'slow' } } }), {
    retryable: false,
    reason: 'invalid_request',
    message: /latency_ms/,
  })
})
