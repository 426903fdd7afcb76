import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProviderName } from '../../contracts/providers.ts'
import { silentLog } from '../../lib/log.ts'
import { openChildRegister } from '../orphans.ts'
import type { Provider, ProviderResult } from '../providers/provider.ts'
import { providerLoaders } from '../providers/registry.ts'
import type { ProviderSurroundings } from '../providers/registry.ts'
import { FakeApi, anthropicEvents, json, openAiEvents, stream } from '../../testing/fake-api.ts'
import type { Behaviour } from '../../testing/fake-api.ts'
import { fakeClaude } from './inputs.ts'

/** The keys that are planted: they may be seen by the far end alone. */
const plantedKey = 'sk-planted-0123456789abcdef'

/** A provider with a far end on this machine. */
export interface Subject {
  provider: Provider
  model: string
  /** the far end answers with this text */
  answer(text: string): void
  /** all the far end got with the newest call, as text */
  seen(result: ProviderResult): string
  /** what makes the next call fail: of a prompt, or set at the far end */
  failing(how: 'passing' | 'final'): string
  api: FakeApi
}

/** The surroundings of providers in a folder. */
export function surroundingsIn(dir: string, more: Partial<ProviderSurroundings> = {}): ProviderSurroundings {
  return {
    workDir: join(dir, 'work'),
    claudeBin: fakeClaude,
    root: dir,
    env: { PATH: process.env['PATH'] },
    children: openChildRegister(join(dir, 'children'), silentLog()),
    settings: {},
    silenceMs: 10_000,
    ...more,
  }
}

type Kind = 'openai' | 'anthropic'

/** How each API answers with a text. */
const answerWith = (kind: Kind, text: string): Behaviour =>
  stream(kind === 'openai' ? openAiEvents(text) : anthropicEvents(text))

/** Runs `work` with every provider there is. */
export async function withSubject(name: ProviderName, work: (subject: Subject) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-provider-'))
  const kind: Kind = name === 'anthropic' ? 'anthropic' : 'openai'
  await using api = await FakeApi.start(answerWith(kind, 'hello'))
  const settings = {
    OPENAI_API_KEY: plantedKey,
    OPENAI_BASE_URL: `${api.url}/v1`,
    KSI_OPENAI_COMPATIBLE_URL: `${api.url}/v1`,
    KSI_OPENAI_COMPATIBLE_KEY: plantedKey,
    ANTHROPIC_API_KEY: plantedKey,
    ANTHROPIC_BASE_URL: api.url,
  }
  const provider = await providerLoaders(surroundingsIn(dir, { settings }))[name]()
  const far = name !== 'echo' && name !== 'claude-cli'
  const statuses = { passing: 503, final: 400 }
  try {
    await work({
      provider,
      api,
      model: `${name}/${name === 'claude-cli' ? 'sonnet' : 'some-model'}`,
      answer: (text) => (api.behave = answerWith(kind, text)),
      seen: ({ response }) => (far ? JSON.stringify(api.last.body) : JSON.stringify(response)),
      failing: (how) => {
        api.behave = json(statuses[how], { error: { message: 'the words of the far end', type: 'some_error' } })
        return `!status ${statuses[how]} the words of the far end`
      },
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
