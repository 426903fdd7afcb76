import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Data } from '../testing/wire-client.ts'

test('a conversation with claude goes on over its session ids, whatever a client calls it, cannot fork', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, {
    KSI_CLAUDE_BIN: 'src/runner/testing/fake-claude.js',
    KSI_DEFAULT_MODEL: 'claude-cli/sonnet',
    KSI_WORK_DIR: project.path('work'),
    ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
    OPENAI_API_KEY: 'sk-planted-0123456789',
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
  // What claude keeps is lost: the conversation is begun anew from what was said, once, and goes on from there.
  rmSync(project.path('work'), { recursive: true })
  const fourth = await ask('four', String(third.session_id))
  const { ksi: about, response: anew } = fourth.result as { ksi: Data; response: Data }
  assert.equal(about.session_restarted, 'claude-cli does not know the session before')
  assert.deepEqual([fourth.status, fourth.attempts, anew.num_turns], ['completed', 1, 1])
  assert.match(JSON.stringify(anew.input), /one.*You said: one.*two.*three.*four/s)
  const fifth = await ask('five', String(first.session_id))
  assert.equal((fifth.result as { response: Data }).response.num_turns, 2)
  assert.equal((fifth.result as { ksi: Data }).ksi.session_restarted, undefined)
  const secrets = await Promise.all(['ANTHROPIC_API_KEY', 'OPENAI_API_KEY'].map((name) => ask(`!env ${name}`, name)))
  assert.deepEqual(
    secrets.map(({ result }) => (result as { response: Data }).response.result),
    ['[redacted]', 'undefined'],
    'claude has its key and no other, and what it tells of it is taken out',
  )
  const failed = await ask('!exit 1 something is wrong', 'other')
  assert.deepEqual([failed.status, failed.reason], ['failed', 'provider_error'])
  assert.match(String(failed.message), /something is wrong/)
})

test('a limit of use burns no request: all wait for its end, visibly, and are done then', async () => {
  using project = makeProject()
  const limit = project.path('limit')
  writeFileSync(limit, '')
  await using ksi = await Ksi.start(project, {
    KSI_CLAUDE_BIN: 'src/runner/testing/fake-claude.js',
    KSI_DEFAULT_MODEL: 'claude-cli/sonnet',
    CLAUDE_FAKE_LIMIT: project.root,
  })
  using client = await ksi.client()
  const send = async (prompt: string): Promise<string> =>
    String((await client.request('completion:async', { prompt })).request_id)
  const status = (request_id: string): Promise<Data> => client.request('completion:status', { request_id })
  const endsAt = Math.ceil(Date.now() / 1_000) + 6
  const short = await Promise.all(
    Array.from({ length: 20 }, (_, i) => send(`!limit Claude AI usage limit reached|${endsAt}\nnumber ${i}`)),
  )
  const limited = async (id: string): Promise<Data> => {
    for (;;) {
      const now = await status(id)
      if (now.waits_for === 'limit' || now.completed_at !== null) return now
      await delay(20)
    }
  }
  for (const id of short) {
    const { status: state, attempts, next_try_at } = await limited(id)
    assert.deepEqual([state, attempts], ['queued', 0])
    const lateMs = Date.parse(String(next_try_at)) - endsAt * 1_000
    assert.ok(lateMs > -50 && lateMs < 8_000, `the next try is at its end: ${lateMs}`)
  }
  rmSync(limit)
  await client.request('system:reload')
  const results = await Promise.all(short.map((request_id) => client.request('completion:wait', { request_id })))
  assert.deepEqual(
    results.map(({ status: state, attempts }) => [state, attempts]),
    short.map(() => ['completed', 1]),
  )
  // All of claude waits for its session: also what comes later, and asks for nothing.
  writeFileSync(limit, '')
  const hour = (new Date().getUTCHours() + 6) % 24
  const named = `${hour % 12 || 12}${hour < 12 ? 'am' : 'pm'}`
  const long = await send(`!limit You've hit your session limit · resets ${named} (UTC)`)
  const next = new Date(String((await limited(long)).next_try_at))
  assert.deepEqual([next.getUTCHours(), next.getUTCMinutes()], [hour, 0])
  assert.equal((await limited(await send('later'))).status, 'queued')
  assert.equal((await status(long)).status, 'queued')
})
