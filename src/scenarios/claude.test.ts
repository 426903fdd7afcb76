import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Data } from '../testing/wire-client.ts'

test('a conversation with claude goes on over its session ids, whatever a client calls it, cannot fork', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, {
    KSI_CLAUDE_BIN: 'src/runner/testing/fake-claude.js',
    KSI_DEFAULT_MODEL: 'claude-cli/sonnet',
  })
  using client = await ksi.client()
  const ask = async (prompt: string, session_id: string): Promise<Data> => {
    const { request_id } = await client.request('completion:async', { prompt, session_id })
    return client.request('completion:wait', { request_id })
  }
  const first = await ask('one', 'my-chat')
  assert.equal(first.status, 'completed', JSON.stringify(first))
  const { response } = first.result as { response: Data }
  assert.match(String(response.result), /one/)
  assert.notEqual(first.session_id, 'my-chat', 'claude hands out an id of its own')
  const second = await ask('two', String(first.session_id))
  assert.equal(second.conversation, first.conversation)
  assert.equal((second.result as { response: Data }).response.num_turns, 2, 'it went on from the first turn')
  await client.request('system:reload')
  // An older session of the conversation: it goes on from the newest all the same.
  const third = await ask('three', String(first.session_id))
  assert.equal((third.result as { response: Data }).response.num_turns, 3)
  assert.equal(third.resumed_from, second.session_id)
  const failed = await ask('!exit 1 something is wrong', 'other')
  assert.deepEqual([failed.status, failed.reason], ['failed', 'provider_error'])
  assert.match(String(failed.message), /something is wrong/)
})
