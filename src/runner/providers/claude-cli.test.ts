import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { RunInput } from '../../contracts/runner.ts'
import { silentLog } from '../../lib/log.ts'
import { startDeathWatch } from '../testing/death-watch.ts'
import type { DeathWatch } from '../testing/death-watch.ts'
import { fakeClaude, makeInput } from '../testing/inputs.ts'
import { openChildRegister } from '../orphans.ts'
import { claudeAlias, claudeArgs, claudeEnv, createClaudeCli } from './claude-cli.ts'
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

function run(
  given: Partial<RunInput>,
  options: { signal?: AbortSignal; claudeBin?: string } = {},
): Promise<ProviderResult> {
  const { signal = new AbortController().signal, claudeBin = fakeClaude } = options
  // USER and LOGNAME are not among them: KSI's calls fail then, ours must not.
  // oxlint-disable-next-line node/no-process-env -- the fake needs PATH to find node
  const env = { PATH: process.env['PATH'], CLAUDE_FAKE_SOCKET: watch.socket }
  const children = openChildRegister(join(root, 'children'), silentLog())
  const provider = createClaudeCli({ sandboxDir: join(root, 'sandbox'), claudeBin, root, env, children })
  return provider.run(makeInput({ model: 'claude-cli/sonnet', ...given }), {
    signal,
    onProgress: () => {},
    onChunk: () => {},
  })
}

test("goes on with a session whose id changes each turn, in the first turn's folder", async () => {
  const first = await run({ prompt: 'one' })
  assert.equal(first.response['result'], 'You said: one')
  const second = await run({ prompt: 'two', session_id: first.session_id })
  const third = await run({
    messages: [{ role: 'user', content: 'three' }],
    session_id: second.session_id,
    agent_id: 'somebody',
  })
  assert.equal(new Set([first.session_id, second.session_id, third.session_id]).size, 3)
  assert.equal(third.response['num_turns'], 3)
  assert.equal(third.response['result'], 'You said: three')
})

test("stores the program's reply untouched, with a response id beside it", async () => {
  const { response, session_id } = await run({ prompt: 'hi', model: 'claude-cli/claude-opus-4-20250514' })
  const { metadata, ...reply } = response
  assert.match(String((metadata as Record<string, unknown>)['response_id']), /^[0-9a-f-]{36}$/)
  assert.equal(
    Object.keys(reply).sort().join(' '),
    'duration_ms is_error model num_turns result session_id subtype total_cost_usd type usage',
  )
  assert.equal(reply['model'], 'opus')
  assert.equal(reply['session_id'], session_id)
})

test('each kind of failure is told apart', async () => {
  const failures: [string, { retryable: boolean; message: RegExp; retryAfterMs?: number }][] = [
    ['!exit 1 Invalid API key', { retryable: false, message: /failed with code 1: Invalid API key/ }],
    ['!exit 1 API Error: 429, retry-after: 5', { retryable: true, message: /429/, retryAfterMs: 5_000 }],
    ['!is_error API Error: 529 Overloaded', { retryable: true, message: /^API Error: 529/ }],
    ['!is_error Credit balance is too low', { retryable: false, message: /^Credit balance/ }],
    ['!garbage', { retryable: false, message: /something else than a JSON object: "Welcome! This is no JSON/ }],
    ['!flood 11', { retryable: false, message: /more than 10 MiB/ }],
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

test('nothing in a request can become an option of claude', () => {
  assert.throws(
    () => claudeArgs(makeInput({ model: 'claude-cli/sonnet', session_id: '--dangerously-skip-permissions' })),
    { reason: 'invalid_request' },
  )
  assert.throws(() => claudeArgs(makeInput({ model: 'claude-cli/--help' })), { reason: 'invalid_request' })
  assert.equal(
    claudeArgs(makeInput({ model: 'claude-cli/haiku', session_id: 's-1' })).join(' '),
    '-p --output-format json --model haiku --resume s-1',
  )
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
