import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Core } from '../core.ts'
import { responseFilePath } from '../completion/response-file.ts'
import { settle } from '../completion/settle.ts'
import { ask } from '../testing/ask.ts'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import { registerConversations } from './conversations.ts'

type Reply = Record<string, unknown>

function generation(root: TestRoot): Core {
  const core = root.core()
  registerConversations(core)
  root.completion(core).restore(false)
  return core
}

/** A turn with its answer, in a session. */
function turn(core: Core, id: string, session: string, more: Reply = {}): void {
  begin(
    core,
    accept(core, { request_id: id, prompt: `prompt ${id}`, session_id: session, model: 'echo/echo', ...more }),
  )
  core.journal.tx(() => settle(core, rowOf(core, id), completed(session)))
}

/** The session's file with these lines. */
function writeSession(core: Core, session: string, lines: unknown[]): void {
  mkdirSync(core.settings.paths.responses, { recursive: true })
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  writeFileSync(responseFilePath(core.settings.paths.responses, session), text)
}

const prompt = (id: string, content = `prompt ${id}`): Reply => ({
  type: 'user',
  timestamp: '2026-01-01T00:00:00.000Z',
  content,
  request_id: id,
})
const answer = (id: string, result = `answer ${id}`, provider = 'claude-cli'): Reply => ({
  ksi: { provider, request_id: id, timestamp: '2026-01-01T00:00:01.000Z', duration_ms: 1 },
  response: { result },
})
const contents = (reply: Reply): unknown[] => (reply.messages as Reply[]).map(({ content }) => content)

test('a conversation is read back: each prompt, then its answer', async () => {
  using root = new TestRoot()
  const core = generation(root)
  for (const id of ['one', 'two']) turn(core, id, 's')
  await delay(1)
  const { messages, ...about } = await ask(core, 'conversation:get', { session_id: 's' })
  assert.deepEqual(about, { session_id: 's', conversation: 's', total: 4, offset: 0, limit: 1_000, next: null })
  const [first, second] = messages as Reply[]
  assert.match(String(first?.timestamp), /^20\d\d-/)
  assert.deepEqual(
    { ...first, timestamp: '' },
    {
      timestamp: '',
      sender: 'You',
      content: 'prompt one',
      type: 'user',
      request_id: 'one',
    },
  )
  assert.deepEqual([second?.sender, second?.content, second?.type], ['echo', 'done', 'claude'])
  assert.deepEqual(contents({ messages }), ['prompt one', 'done', 'prompt two', 'done'])
})

test("files of KSI's own daemon, which wrote the answer before its prompt, are read prompt first", async () => {
  using root = new TestRoot()
  const core = generation(root)
  writeSession(core, 'old', [answer('a'), prompt('a'), prompt('b'), answer('b'), answer('c'), answer('d'), prompt('d')])
  const all = ['prompt a', 'answer a', 'prompt b', 'answer b', 'answer c', 'prompt d', 'answer d']
  const whole = await ask(core, 'conversation:get', { session_id: 'old' })
  assert.deepEqual(contents(whole), all)
  assert.deepEqual([whole.conversation, (whole.messages as Reply[])[1]?.sender], [null, 'Claude'])
  for (const limit of [1, 2, 3]) {
    const read: unknown[] = []
    for (let from: unknown = 0; from !== null;) {
      const page = await ask(core, 'conversation:get', { session_id: 'old', limit, from })
      read.push(...contents(page))
      from = page.next
    }
    assert.deepEqual(read, all, `in pages of ${limit}`)
  }
  const part = await ask(core, 'conversation:get', { session_id: 'old', limit: 2, offset: 2 })
  assert.deepEqual([contents(part), part.total], [['prompt b', 'answer b'], 7])
})

test('lines that are no messages are passed over, long ones are cut, and a reply never grows too large', async () => {
  using root = new TestRoot()
  const core = generation(root)
  const long = 'x'.repeat(7_000_000)
  writeSession(core, 's', [prompt('a', long), answer('a', long), { type: 'other' }, 'text', prompt('b')])
  const first = await ask(core, 'conversation:get', { session_id: 's' })
  assert.deepEqual(
    (first.messages as Reply[]).map(({ content, truncated }) => [String(content).length, truncated]),
    [[6_291_456, true]],
  )
  const second = await ask(core, 'conversation:get', { session_id: 's', from: first.next })
  assert.equal(contents(second).length, 1)
  const third = await ask(core, 'conversation:get', { session_id: 's', from: second.next })
  assert.deepEqual([contents(third), third.next], [['prompt b'], null])
  const nobody = await ask(core, 'conversation:get', { session_id: 'nobody' })
  assert.deepEqual([nobody.error, nobody.code], ['Conversation not found: nobody', 'KSI_NOT_FOUND'])
})

test('sessions may have any characters: each has a file of its own, within the folder', async () => {
  using root = new TestRoot()
  const core = generation(root)
  const names = ['a b', 'a%20b', '../../up', 'ü/ß', '日本', '.', '..', "it's", 'new\nline', 'null\0']
  for (const [index, name] of names.entries()) turn(core, `r${index}`, name)
  await delay(1)
  assert.equal(readdirSync(core.settings.paths.responses).length, names.length)
  for (const [index, name] of names.entries())
    assert.deepEqual(contents(await ask(core, 'conversation:get', { session_id: name })), [`prompt r${index}`, 'done'])
  const { conversations } = await ask(core, 'conversation:list')
  assert.deepEqual(new Set((conversations as Reply[]).map(({ session_id }) => session_id)), new Set(names))
})

test('sessions are listed with their files, in pages, by time', async () => {
  using root = new TestRoot()
  const core = generation(root)
  for (const id of ['one', 'two']) turn(core, id, id)
  turn(core, 'again', 'one')
  accept(core, { session_id: 'empty', model: 'echo/echo' })
  await delay(1)
  const { conversations, ...about } = await ask(core, 'conversation:list', { sort_by: 'message_count' })
  assert.deepEqual(about, { total: 3, offset: 0, limit: 100 })
  const [first, , empty] = conversations as Reply[]
  const path = responseFilePath(core.settings.paths.responses, 'one')
  assert.deepEqual(
    { ...first, modified_timestamp: '', first_timestamp: '', last_timestamp: '' },
    {
      session_id: 'one',
      conversation: 'one',
      file_path: path,
      size_bytes: readFileSync(path).length,
      modified_timestamp: '',
      message_count: 4,
      first_timestamp: '',
      last_timestamp: '',
      participants: ['You', 'echo'],
      has_claude: true,
      has_user: true,
    },
  )
  assert.ok(String(first?.first_timestamp) <= String(first?.last_timestamp))
  assert.equal(typeof first?.modified_timestamp, 'string')
  assert.deepEqual(
    [empty?.session_id, empty?.message_count, empty?.size_bytes, empty?.modified_timestamp],
    ['empty', 0, 0, null],
  )
  const ids = async (data: Reply): Promise<unknown[]> =>
    ((await ask(core, 'conversation:list', data)).conversations as Reply[]).map(({ session_id }) => session_id)
  assert.equal((await ids({ limit: 1, offset: 1 })).length, 1)
  assert.deepEqual(await ids({ end_date: '2020-01-01' }), [])
  assert.equal((await ids({ start_date: Date.now() / 1_000 - 3_600 })).length, 3)
  const wrong = await ask(core, 'conversation:list', { start_date: 'yesterday' })
  assert.match(String(wrong.error), /start_date: say it as ISO 8601 or as epoch seconds/)
})

test('a file that is large is listed without being looked into', async () => {
  using root = new TestRoot()
  const core = generation(root)
  turn(core, 'one', 's')
  await delay(1)
  writeSession(core, 's', [prompt('one', 'x'.repeat(5_000_000)), answer('one')])
  const { conversations } = await ask(core, 'conversation:list')
  const [only] = conversations as Reply[]
  assert.deepEqual([only?.message_count, only?.first_timestamp], [null, null])
  assert.ok(Number(only?.size_bytes) > 5_000_000)
})

test('the conversations that were used last are told with what waits and runs', async () => {
  using root = new TestRoot()
  const core = generation(root)
  turn(core, 'one', 's', { agent_id: 'worker' })
  begin(core, accept(core, { request_id: 'two', session_id: 's', model: 'echo/echo' }))
  accept(core, { request_id: 'three', session_id: 's', model: 'echo/echo' })
  accept(core, { request_id: 'four', session_id: 't', model: 'echo/echo' })
  const told = await ask(core, 'conversation:active')
  assert.deepEqual([told.total_active, told.scanned_lines], [2, 4])
  const [newest, before] = told.active_sessions as Reply[]
  assert.equal(newest?.session_id, 't')
  assert.equal(typeof before?.last_activity, 'string')
  assert.deepEqual(
    { ...before, last_activity: '' },
    {
      session_id: 's',
      conversation: 's',
      agent_id: 'worker',
      client_id: null,
      last_activity: '',
      message_count: 3,
      model: 'echo/echo',
      queue_size: 1,
      running: 'two',
    },
  )
  assert.equal((await ask(core, 'conversation:active', { max_lines: 1 })).total_active, 1)
})
