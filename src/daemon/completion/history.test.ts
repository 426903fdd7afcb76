import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { RunInput, RunOutcome } from '../../contracts/runner.ts'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin, rowOf } from '../testing/test-core.ts'
import { responseFilePath } from './response-file.ts'
import { toRunInput } from './run-input.ts'
import { settle } from './settle.ts'

const openai = 'openai/some-model'
type Sent = Record<string, unknown>

/** Has a request answered by the provider of its model. */
function turn(
  core: Core,
  id: string,
  data: Sent,
  answer: Partial<Extract<RunOutcome, { status: 'completed' }>> = {},
): void {
  begin(core, accept(core, { request_id: id, ...data }))
  const model = typeof data.model === 'string' ? data.model : openai
  const provider = model.split('/')[0] ?? ''
  const outcome = {
    status: 'completed',
    provider,
    response: { result: `answer of ${id}` },
    started_at: 1,
    duration_ms: 1,
  }
  core.journal.tx(() => settle(core, rowOf(core, id), { ...outcome, session_id: 's', ...answer } as RunOutcome))
}

function inputOf(core: Core, data: Sent): RunInput {
  const row = rowOf(core, accept(core, data))
  const conversation = core.conversations.get(row.conversation)
  assert.ok(conversation)
  const input = toRunInput(core, row, conversation)
  assert.ok(input)
  return input
}

const said = ({ history = [] }: RunInput): unknown[] =>
  history.map(({ role, content }) => `${role}: ${String(content)}`)

test('a provider without memory is given all turns before, also right after the last of them', () => {
  using root = new TestRoot()
  const core = root.core()
  turn(core, 'one', { prompt: 'first', session_id: 's', model: openai })
  turn(core, 'two', {
    messages: [
      { role: 'system', content: 'x' },
      { role: 'user', content: 'second' },
    ],
    session_id: 's',
  })
  const input = inputOf(core, { prompt: 'third', session_id: 's', system: 'y', temperature: 0 })
  assert.deepEqual(said(input), ['user: first', 'assistant: answer of one', 'user: second', 'assistant: answer of two'])
  assert.deepEqual(input.parameters, { system: 'y', temperature: 0 })
  assert.deepEqual([input.session_provider, input.conversation, input.session_restarted], ['openai', 's', undefined])
})

test('turns the journal no longer has are read from the response files, each once, whatever else lies in them', () => {
  using root = new TestRoot()
  const core = root.core()
  const { responses } = core.settings.paths
  mkdirSync(responses, { recursive: true })
  const lines = [
    { type: 'user', content: 'long ago', request_id: 'old', messages: [{ role: 'user', content: 'long ago' }] },
    { ksi: { request_id: 'old', timestamp: '2020-01-01T00:00:00.000Z' }, response: { result: 'then' } },
    { ksi: { request_id: 'of nobody', timestamp: '2020-01-01T00:00:00.000Z' }, response: { result: '?' } },
  ]
  writeFileSync(responseFilePath(responses, 's'), `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"torn`)
  turn(core, 'new', { prompt: 'now', session_id: 's', model: openai })
  const input = inputOf(core, { prompt: 'next', session_id: 's' })
  assert.deepEqual(said(input), ['user: long ago', 'assistant: then', 'user: now', 'assistant: answer of new'])
})

test('a whole conversation that a client has given stands for all before it, in that turn and in later ones', () => {
  using root = new TestRoot()
  const core = root.core()
  turn(core, 'one', { prompt: 'first', session_id: 's', model: openai })
  const messages = [
    { role: 'user', content: 'own' },
    { role: 'assistant', content: 'own answer' },
    { role: 'user', content: 'own second' },
  ]
  assert.equal(inputOf(core, { messages, conversation_id: 'other', model: openai }).history, undefined)
  turn(core, 'two', { messages, session_id: 's' })
  const input = inputOf(core, { prompt: 'third', session_id: 's' })
  assert.deepEqual(said(input), ['user: own', 'assistant: own answer', 'user: own second', 'assistant: answer of two'])
})

test('what is too much to be sent along is counted, and the newest turns are kept', () => {
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'b', 'c', 'd'])
    turn(core, id, { prompt: id.repeat(1_500_000), session_id: 's', model: openai })
  const input = inputOf(core, { prompt: 'next', session_id: 's' })
  assert.deepEqual([input.history?.length, input.history_left_out], [4, 2])
})

test('claude is given the turns only where it cannot go on from its own session, and it is said why', () => {
  using root = new TestRoot()
  const core = root.core()
  const model = 'claude-cli/sonnet'
  turn(core, 'one', { prompt: 'first', session_id: 's', model }, { session_id: 'claude-1' })
  const own = inputOf(core, { prompt: 'x', session_id: 's', request_id: 'x' })
  assert.deepEqual([own.session_id, own.session_provider, own.history], ['claude-1', 'claude-cli', undefined])
  turn(core, 'two', { prompt: 'second', session_id: 's', model: 'echo/echo' }, { session_id: 'echo-1' })
  const after = inputOf(core, { prompt: 'y', session_id: 's', model })
  assert.equal(said(after).length, 4)
  assert.equal(after.session_restarted, 'the session before was one of echo')
})

test('a session its provider has lost is forgotten: the request goes again at once, uncounted, with all turns', () => {
  using root = new TestRoot()
  const core = root.core()
  const model = 'claude-cli/sonnet'
  turn(core, 'one', { prompt: 'first', session_id: 's', model }, { session_id: 'claude-1' })
  begin(core, accept(core, { request_id: 'two', prompt: 'second', session_id: 's' }))
  const unknown: RunOutcome = {
    status: 'failed',
    provider: 'claude-cli',
    reason: 'provider_error',
    message: 'No conversation found',
    retryable: false,
    session_unknown: true,
    started_at: 1,
    duration_ms: 1,
  }
  core.journal.tx(() => settle(core, rowOf(core, 'two'), unknown))
  const row = rowOf(core, 'two')
  assert.deepEqual([row.state, row.attempts, row.not_before], ['queued', 0, null])
  const conversation = core.conversations.get('s')
  assert.ok(conversation)
  assert.equal(conversation.session_id, null)
  const input = toRunInput(core, row, conversation)
  assert.ok(input)
  assert.deepEqual(said(input), ['user: first', 'assistant: answer of one'])
  assert.equal(input.session_restarted, 'claude-cli does not know the session before')
  begin(core, 'two')
  const session_restarted = input.session_restarted
  const done = { status: 'completed', provider: 'claude-cli', response: {}, started_at: 1, duration_ms: 1 } as const
  core.journal.tx(() => settle(core, rowOf(core, 'two'), { ...done, session_id: 'claude-2', session_restarted }))
  assert.equal(core.requests.outcome('two')?.result?.ksi.session_restarted, session_restarted)
  assert.equal(core.conversations.get('s')?.session_id, 'claude-2')
})

test('an answer that only calls tools is told as such', () => {
  using root = new TestRoot()
  const core = root.core()
  const response = { result: '', choices: [{ message: { tool_calls: [{ function: { name: 'look_up' } }] } }] }
  turn(core, 'one', { prompt: 'first', session_id: 's', model: openai }, { response })
  assert.match(String(said(inputOf(core, { prompt: 'x', session_id: 's' }))[1]), /no text.*look_up/)
})

test("a permission profile becomes the tools of claude's program; what the request itself says counts more", () => {
  using root = new TestRoot()
  const core = root.core()
  const agent_config = { permission_profile: 'restricted', profile: 'conversationalist' }
  const claudeOf = (data: Sent): Sent | undefined =>
    inputOf(core, { model: 'claude-cli/sonnet', ...data }).extra_body?.['claude'] as Sent | undefined
  const allowed = ['Read', 'Grep', 'Glob', 'LS']
  assert.deepEqual(claudeOf({ agent_config })?.allowed_tools, allowed)
  const own = claudeOf({ agent_config, extra_body: { claude: { disallowed_tools: ['Bash'], max_turns: 3 } } })
  assert.deepEqual(own, { allowed_tools: allowed, disallowed_tools: ['Bash'], max_turns: 3 })
  assert.equal(claudeOf({}), undefined)
  assert.equal(inputOf(core, { model: 'echo/echo', agent_config }).extra_body, undefined)
})
