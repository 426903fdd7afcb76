import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { RunInput } from '../../contracts/runner.ts'
import { startDeathWatch } from '../testing/death-watch.ts'
import type { DeathWatch } from '../testing/death-watch.ts'
import { fakeClaude, makeInput } from '../testing/inputs.ts'
import { makeContext } from '../testing/context.ts'
import { surroundingsIn } from '../testing/subjects.ts'
import { claudeAlias, claudeArgs } from './claude-args.ts'
import { createClaudeCli } from './claude-cli.ts'
import { claudeEnv } from './claude-env.ts'
import { defaultWorkDir } from './claude-folder.ts'
import type { ProviderResult } from './provider.ts'

let root: string
let watch: DeathWatch
before(async () => {
  root = mkdtempSync(join(tmpdir(), 'ksi-claude-'))
  watch = await startDeathWatch(join(root, 'deaths.sock'))
})
after(async () => {
  await watch.close()
  rmSync(root, { recursive: true })
})

interface Options {
  signal?: AbortSignal
  claudeBin?: string
  ctx?: ReturnType<typeof makeContext>
  silenceMs?: number
}

function run(given: Partial<RunInput>, options: Options = {}): Promise<ProviderResult> {
  const { claudeBin = fakeClaude, silenceMs = 10_000 } = options
  // USER and LOGNAME are not among them: KSI's calls fail then, ours must not.
  // oxlint-disable-next-line node/no-process-env -- the fake needs PATH to find node
  const env = { PATH: process.env['PATH'], CLAUDE_FAKE_SOCKET: watch.socket }
  const provider = createClaudeCli(surroundingsIn(root, { claudeBin, env, silenceMs }))
  return provider.run(makeInput({ model: 'claude-cli/sonnet', ...given }), options.ctx ?? makeContext(options.signal))
}

/** What the fake got: its arguments, and its standard input. */
function given(result: ProviderResult): { given: Record<string, unknown>; input: string } {
  const { given, input } = result.response as { given: Record<string, unknown>; input: unknown }
  return { given, input: JSON.stringify(input) }
}

test('goes on from the session before under an id of its own, in the folder of the conversation', async () => {
  const conversation = 'c1'
  const first = await run({ prompt: 'one', conversation })
  assert.equal(first.response['result'], 'You said: one')
  const before = { session_provider: 'claude-cli', conversation }
  const second = await run({ prompt: 'two', session_id: first.session_id, ...before })
  const third = await run({
    messages: [{ role: 'user', content: 'three' }],
    session_id: second.session_id,
    ...before,
  })
  assert.equal(new Set([first.session_id, second.session_id, third.session_id]).size, 3)
  assert.equal(third.response['num_turns'], 3)
  assert.equal(third.response['result'], 'You said: three')
  const fork = given(third).given
  assert.deepEqual(
    [fork['resume'], fork['fork-session'], fork['session-id']],
    [second.session_id, true, third.session_id],
  )
  const again = await run({ prompt: 'three again', session_id: second.session_id, ...before })
  assert.equal(again.response['num_turns'], 3, 'what was tried before has left no trace in it')
})

test('a session that claude has lost is said to be unknown; one that only a client has named is begun', async () => {
  const session_id = '01990000-0000-7000-8000-000000000000'
  await assert.rejects(run({ session_id, session_provider: 'claude-cli' }), { sessionUnknown: true })
  const named = await run({ session_id, prompt: 'hi' })
  assert.equal(named.response['num_turns'], 1)
  assert.notEqual(named.session_id, session_id)
  assert.equal((await run({ session_id: 'my chat', prompt: 'hi' })).response['num_turns'], 1)
})

test('what another provider began is gone on with from its history, and said so', async () => {
  const history = [
    { role: 'user', content: 'my name is Ann' },
    { role: 'assistant', content: 'hello Ann' },
  ]
  const session_restarted = 'the session before was one of echo'
  const session = { session_id: 'echo-1', session_provider: 'echo' }
  const result = await run({ prompt: 'who am I?', history, session_restarted, ...session })
  assert.equal(result.session_restarted, session_restarted)
  assert.equal(given(result).given['resume'], undefined)
  assert.match(given(result).input, /my name is Ann.*hello Ann.*who am I\?/)
})

test("stores the program's result untouched, with a response id beside it; and what it has cost", async () => {
  const { response, session_id, usage } = await run({ prompt: 'hi', model: 'claude-cli/claude-opus-4-20250514' })
  const { metadata, ...reply } = response
  assert.match(String((metadata as Record<string, unknown>)['response_id']), /^[0-9a-f-]{36}$/)
  assert.equal(
    Object.keys(reply).sort().join(' '),
    'duration_ms given input is_error model num_turns result session_id subtype total_cost_usd type usage',
  )
  assert.equal(reply['model'], 'opus')
  assert.equal(reply['session_id'], session_id)
  assert.equal(usage?.cost_usd, 0.25)
})

test('a result is found also where the program prints one list, and tries of its own are told of', async () => {
  const ctx = makeContext()
  const { response } = await run({ prompt: '!list !retry 2' }, { ctx })
  assert.equal(response['subtype'], 'success')
  const retry = { provider: 'claude-cli', api_retry: { attempt: 1, max_retries: 10, error: 'overloaded' } }
  assert.deepEqual(JSON.parse(JSON.stringify(ctx.progress[0])), retry)
  assert.equal(ctx.progress.length, 2)
})

test('extra_body.claude says what it may do; what it does not know is refused by name', async () => {
  const claude = {
    system_prompt: '--be a cat',
    tools: [],
    allowed_tools: ['Read', 'Bash(git log:*)'],
    disallowed_tools: ['WebFetch'],
    permission_mode: 'plan',
    max_turns: 3,
    max_budget_usd: 0.5,
    mcp_config: '/etc/mcp.json',
    strict_mcp_config: true,
    add_dir: ['/srv/data'],
    fallback_model: 'haiku',
    setting_sources: ['user'],
  }
  const { given: args } = given(await run({ prompt: 'hi', extra_body: { claude } }))
  const { model: _, ...options } = Object.fromEntries(
    Object.entries(args).filter(([name]) => !/format|session|print|verb|part/.test(name)),
  )
  assert.deepEqual(options, {
    'system-prompt': '--be a cat',
    tools: '',
    allowedTools: 'Read,Bash(git log:*)',
    disallowedTools: 'WebFetch',
    'permission-mode': 'plan',
    'max-turns': '3',
    'max-budget-usd': '0.5',
    'mcp-config': '/etc/mcp.json',
    'strict-mcp-config': true,
    'add-dir': '/srv/data',
    'fallback-model': 'haiku',
    'setting-sources': 'user',
  })
  for (const wrong of [{ sandbox: true }, { max_turns: 0 }, { mcp_config: 'relative.json' }, { permission_mode: '-x' }])
    await assert.rejects(run({ extra_body: { claude: wrong } }), {
      reason: 'invalid_request',
      message: new RegExp(Object.keys(wrong)[0] ?? ''),
    })
})

test('works outside of the checkout, and leaves no folder where nothing was left in it', async () => {
  const workDir = join(root, 'elsewhere')
  const program = join(root, 'claude-that-leaves-nothing')
  writeFileSync(program, `#!/bin/sh\ncat > /dev/null; echo '{"type":"result","result":"'"$PWD"'"}'\n`, { mode: 0o700 })
  const provider = createClaudeCli(surroundingsIn(root, { claudeBin: program, workDir }))
  for (let n = 0; n < 10; n++) {
    const input = makeInput({ model: 'claude-cli/sonnet', conversation: `c ${n}` })
    const { response } = await provider.run(input, makeContext())
    assert.ok(String(response['result']).includes('elsewhere/conversation-'))
  }
  assert.deepEqual(readdirSync(workDir), [])
  mkdirSync(join(workDir, 'conversation-old'))
  mkdirSync(join(workDir, 'conversation-new'))
  const longAgo = new Date(Date.now() - 31 * 86_400_000)
  utimesSync(join(workDir, 'conversation-old'), longAgo, longAgo)
  createClaudeCli(surroundingsIn(root, { claudeBin: program, workDir }))
  assert.deepEqual(readdirSync(workDir), ['conversation-new'])
  assert.ok(!defaultWorkDir(root).startsWith(root))
})

test('a program that says nothing for too long is given up before its time limit', async () => {
  await assert.rejects(run({ prompt: '!sleep 60000' }, { silenceMs: 300 }), {
    retryable: true,
    reason: 'timeout',
    message: /said nothing for 300 ms/,
  })
})

test('each kind of failure is told apart', async () => {
  const failures: [string, { retryable: boolean; message: RegExp; retryAfterMs?: number }][] = [
    ['!exit 1 Invalid API key', { retryable: false, message: /failed with code 1: Invalid API key/ }],
    ['!exit 1 API Error: 429, retry-after: 5', { retryable: true, message: /429/, retryAfterMs: 5_000 }],
    ['!is_error API Error: 529 Overloaded', { retryable: true, message: /^API Error: 529/ }],
    ['!is_error Credit balance is too low', { retryable: false, message: /^Credit balance/ }],
    ['!status 529 Overloaded', { retryable: true, message: /^Overloaded/ }],
    ['!status 404 model: nothing like that', { retryable: false, message: /nothing like that/ }],
    ['!garbage', { retryable: false, message: /no result, but: "Welcome! This is no JSON/ }],
    ['!flood 17', { retryable: false, message: /more than 16 MiB/ }],
  ]
  await Promise.all(
    failures.map(([prompt, expected]) =>
      assert.rejects(run({ prompt }), { name: 'ProviderError', ...expected }, prompt),
    ),
  )
})

test('a program that is not there is a final failure that says what to do', async () => {
  await assert.rejects(run({}, { claudeBin: join(root, 'nowhere') }), {
    name: 'ProviderError',
    retryable: false,
    message: /Install it.*KSI_CLAUDE_BIN/,
  })
  await assert.rejects(run({}, { claudeBin: 'no-such-claude' }), {
    retryable: false,
    message: /was not found \(no-such-claude\)/,
  })
})

test('a program that leaves the prompt unread is judged by its exit code', async () => {
  await assert.rejects(run({ prompt: 'x'.repeat(5_000_000) }, { claudeBin: 'false' }), {
    name: 'ProviderError',
    message: /failed with code 1/,
  })
})

test('an abort ends the program and all it has started, also what ignores SIGTERM', async () => {
  const controller = new AbortController()
  const result = run({ prompt: '!grandchild\n!sleep 60000' }, { signal: controller.signal })
  const [claude, grandchild] = await Promise.all([watch.next('claude'), watch.next('grandchild')])
  assert.equal(readdirSync(join(root, 'children')).length, 1)
  controller.abort('abort')
  await assert.rejects(result, (reason) => reason === 'abort')
  await Promise.all([claude.died, grandchild.died])
  assert.deepEqual(readdirSync(join(root, 'children')), [])
})

test('names of models become the aliases that claude knows', () => {
  const aliases = {
    'claude-cli/claude-sonnet-4-20250514': 'sonnet',
    'claude-cli/claude-opus-4-1': 'opus',
    'claude-cli/claude-3-5-haiku-20241022': 'haiku',
  }
  for (const [model, alias] of Object.entries(aliases)) assert.equal(claudeAlias(model), alias)
  for (const alias of ['sonnet', 'opus', 'haiku', 'opusplan', 'sonnet[1m]'])
    assert.equal(claudeAlias(`claude-cli/${alias}`), alias)
})

test('nothing in a request can become an option of claude', async () => {
  assert.throws(() => claudeArgs(makeInput({ model: 'claude-cli/--help' }), { session: 's', resume: undefined }), {
    reason: 'invalid_request',
  })
  const odd = await run({
    prompt: '--help',
    session_id: '--dangerously-skip-permissions',
    parameters: { system: '--x' },
  })
  assert.deepEqual([given(odd).given['append-system-prompt'], odd.response['result']], ['--x', 'You said: --help'])
})

test('claude sees what it needs of the environment and no secret of ksi', () => {
  const env = claudeEnv({
    HOME: '/h',
    PATH: '/bin',
    ANTHROPIC_API_KEY: 'k',
    CLAUDE_CONFIG_DIR: '/c',
    HTTPS_PROXY: 'p',
    KSI_TOKEN: 'secret',
    OPENAI_API_KEY: 'o',
  })
  assert.deepEqual(
    Object.keys(env).filter((name) => !name.includes('DISABLE')),
    ['HOME', 'PATH', 'ANTHROPIC_API_KEY', 'CLAUDE_CONFIG_DIR', 'HTTPS_PROXY'],
  )
  assert.equal(env['DISABLE_TELEMETRY'], '1')
})
