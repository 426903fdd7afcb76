import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeApi, anthropicEvents, json, stream } from '../../testing/fake-api.ts'
import { realClaude, skipWithoutClaude as skip } from '../../testing/real-claude.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { makeContext } from '../testing/context.ts'
import { makeInput } from '../testing/inputs.ts'
import { surroundingsIn } from '../testing/subjects.ts'
import { createClaudeCli } from './claude-cli.ts'
import type { ProviderResult } from './provider.ts'

/* The real claude program against a server on this machine that speaks the Messages API. */

const key = 'sk-ant-planted-0123456789'

class RealClaude implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'ksi-real-claude-'))
  readonly api: FakeApi
  readonly workDir: string

  private constructor(api: FakeApi) {
    this.api = api
    this.workDir = mkdtempSync(join(tmpdir(), 'ksi-real-claude-work-'))
    mkdirSync(join(this.root, 'home/.claude'), { recursive: true })
  }

  static async start(): Promise<RealClaude> {
    return new RealClaude(await FakeApi.start(stream(anthropicEvents('so it is'))))
  }

  run(given: Partial<RunInput>, ctx = makeContext(), env: Record<string, string> = {}): Promise<ProviderResult> {
    const around = surroundingsIn(this.root, { claudeBin: realClaude, workDir: this.workDir })
    const home = join(this.root, 'home')
    Object.assign(around.env, { HOME: home, ANTHROPIC_BASE_URL: this.api.url, ANTHROPIC_API_KEY: key }, env)
    const provider = createClaudeCli(around)
    return provider.run(makeInput({ model: 'claude-cli/sonnet', conversation: 'c', ...given }), ctx)
  }

  /** What the model was sent with the newest call, without the program's own reminders. */
  get said(): string[] {
    const { messages } = this.api.last.body as { messages: { role: string; content: unknown }[] }
    return messages
      .filter(({ role }) => role !== 'system')
      .map(
        ({ role, content }) =>
          `${role}: ${JSON.stringify(content).replaceAll(/<system-reminder>.*?<\/system-reminder>/gs, '')}`,
      )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]()
    for (const dir of [this.root, this.workDir]) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

const owned = { session_provider: 'claude-cli' }

test(
  'the real claude goes on from its session, and what was cancelled in between leaves no trace',
  { skip },
  async () => {
    await using claude = await RealClaude.start()
    // Without stream-json this setting breaks every completion.
    writeFileSync(join(claude.root, 'home/.claude/settings.json'), JSON.stringify({ verbose: true }))
    writeFileSync(join(claude.root, 'CLAUDE.md'), 'ODD-MARK-OF-THE-CHECKOUT')
    const ctx = makeContext()
    const first = await claude.run({ prompt: 'question one', parameters: { system: 'SPEAK-LIKE-A-PIRATE' } }, ctx)
    assert.equal(first.response['result'], 'so it is')
    assert.equal(ctx.chunks.map((chunk) => (chunk.kind === 'text' ? chunk.text : '')).join(''), 'so it is')
    assert.match(JSON.stringify(claude.api.last.body['system']), /SPEAK-LIKE-A-PIRATE/)
    assert.doesNotMatch(JSON.stringify(claude.api.last.body), /ODD-MARK-OF-THE-CHECKOUT/)
    assert.ok((first.usage?.input_tokens ?? 0) > 0 && first.usage?.cost_usd !== undefined)

    const controller = new AbortController()
    claude.api.behave = (): void => controller.abort('abort')
    await assert.rejects(
      claude.run({ prompt: 'given up', session_id: first.session_id, ...owned }, makeContext(controller.signal)),
    )
    claude.api.behave = stream(anthropicEvents('still'))
    const second = await claude.run({ prompt: 'question two', session_id: first.session_id, ...owned })
    assert.notEqual(second.session_id, first.session_id)
    assert.equal(claude.said.length, 3, claude.said.join('\n'))
    assert.match(claude.said.join('\n'), /question one.*so it is.*question two/s)
    assert.doesNotMatch(claude.said.join('\n'), /given up/)
    assert.deepEqual(readdirSync(claude.workDir), [], 'nothing is left in its folder')
    assert.ok(!JSON.stringify([first, second, ctx]).includes(key))
  },
)

test('the real claude says when it has lost a session, and is told what was said before', { skip }, async () => {
  await using claude = await RealClaude.start()
  const session_id = '01990000-0000-7000-8000-000000000000'
  await assert.rejects(claude.run({ session_id, ...owned }), { sessionUnknown: true })
  const history = [
    { role: 'user', content: 'my name is Ann' },
    { role: 'assistant', content: 'hello Ann' },
  ]
  const content = [
    { type: 'text', text: 'who is this?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
  ]
  const messages = [{ role: 'user', content }]
  const result = await claude.run({ messages, history, session_restarted: 'lost' })
  assert.equal(result.session_restarted, 'lost')
  assert.equal(claude.said.length, 1, 'one message: nothing of it is answered anew')
  assert.match(claude.said.join(), /my name is Ann.*hello Ann.*who is this\?/s)
  assert.match(claude.said.join(), /"media_type":"image\/(png|jpeg|webp)"/)
})

test('the real claude takes every option, and tells of its own tries and of limits', { skip }, async () => {
  await using claude = await RealClaude.start()
  const options = {
    allowed_tools: ['Read'],
    disallowed_tools: ['WebFetch'],
    tools: ['Read'],
    permission_mode: 'plan',
    max_turns: 3,
    max_budget_usd: 5,
    strict_mcp_config: true,
    add_dir: [claude.root],
    fallback_model: 'haiku',
    setting_sources: ['user'],
    append_system_prompt: 'APPENDED',
  }
  await claude.run({ prompt: 'x', extra_body: { claude: options }, parameters: { reasoning_effort: 'low' } })
  const { tools, system } = claude.api.last.body as { tools: { name: string }[]; system: unknown }
  assert.deepEqual(
    tools.map(({ name }) => name).filter((name) => ['Bash', 'WebFetch', 'Read'].includes(name)),
    ['Read'],
  )
  assert.match(JSON.stringify(system), /APPENDED/)
  const ctx = makeContext()
  claude.api.behave = json(500, { type: 'error', error: { type: 'api_error', message: 'oh no' } })
  await assert.rejects(claude.run({ prompt: 'x' }, ctx, { CLAUDE_CODE_MAX_RETRIES: '1' }), { retryable: true })
  assert.match(JSON.stringify(ctx.progress[0]), /"api_retry":\{"attempt":1,"max_retries":1,/)
  claude.api.behave = json(429, { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } })
  await assert.rejects(claude.run({ prompt: 'x' }, makeContext(), { CLAUDE_CODE_MAX_RETRIES: '0' }), { limited: true })
  claude.api.behave = json(401, { type: 'error', error: { type: 'authentication_error', message: `no key ${key}` } })
  await assert.rejects(claude.run({ prompt: 'x' }, makeContext(), { CLAUDE_CODE_MAX_RETRIES: '0' }), {
    retryable: false,
  })
})

/** A PNG of one pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
