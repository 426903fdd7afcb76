import { z } from 'zod'

/** What can be known of a provider without asking it. */
interface Trait {
  /**
   * Who keeps the turns of a conversation: the provider in its sessions; nobody, so that they are sent along each time;
   * or none are needed.
   */
  history: 'kept' | 'sent' | 'none'
  /** The parameters of `completion:async` it honours, besides what is asked and of whom. */
  parameters: readonly string[]
  /** What `extra_body` may hold: whatever the provider's own API takes, or these keys. */
  extraBody: 'any' | readonly string[]
}

const chat = [
  'system',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'temperature',
  'top_p',
  'max_tokens',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'reasoning_effort',
  'stream',
] as const

/** The providers there are. Daemon and runner both go by this: what is not honoured is refused before it is queued. */
export const providers = {
  echo: { history: 'none', parameters: [...chat, 'top_k'], extraBody: 'any' },
  'claude-cli': {
    history: 'kept',
    parameters: ['system', 'response_format', 'reasoning_effort', 'stream'],
    extraBody: ['claude'],
  },
  openai: { history: 'sent', parameters: chat, extraBody: 'any' },
  'openai-compatible': { history: 'sent', parameters: [...chat, 'top_k'], extraBody: 'any' },
  anthropic: {
    history: 'sent',
    parameters: [
      'system',
      'tools',
      'tool_choice',
      'parallel_tool_calls',
      'response_format',
      'temperature',
      'top_p',
      'top_k',
      'max_tokens',
      'stop',
      'stream',
    ],
    extraBody: 'any',
  },
} as const satisfies Record<string, Trait>

export type ProviderName = keyof typeof providers

/** All parameters that are for the provider. */
export const providerParameters: readonly string[] = [...chat, 'top_k']

/** The name of a model's provider: what stands before the first slash. */
export function providerName(model: string): string {
  return model.split('/', 1)[0] ?? ''
}

/** What is known of a model's provider; undefined where no provider has that name. */
export function providerOf(model: string): Trait | undefined {
  const name = providerName(model)
  return isProvider(name) ? providers[name] : undefined
}

/** Whether there is a provider of this name. */
export function isProvider(name: string): name is ProviderName {
  return Object.hasOwn(providers, name)
}

/** Parts of `extra_body` that are for one provider alone (or for KSI's own daemon), and are no part of a body. */
const ofOne: Record<string, ProviderName | 'ksi'> = { echo: 'echo', claude: 'claude-cli', ksi: 'ksi' }

/** What of `extra_body` belongs into the body that a provider's API is sent. */
export function bodyPart(extra: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(extra).filter(([key]) => !Object.hasOwn(ofOne, key)))
}

interface Asked {
  extra_body?: Record<string, unknown> | null | undefined
}

/** The names of what a request asks of its model's provider and that provider cannot honour. */
export function unsupported(model: string, asked: Asked & Record<string, unknown>): string[] {
  const trait = providerOf(model)
  if (trait === undefined) return []
  const given = providerParameters.filter((name) => asked[name] != null && !trait.parameters.includes(name))
  const extra = Object.keys(asked.extra_body ?? {}).filter((key) => {
    const owner = ofOne[key]
    if (owner !== undefined) return owner !== providerName(model) && !asksNothing(asked.extra_body?.[key])
    return trait.extraBody !== 'any' && !trait.extraBody.includes(key)
  })
  return [...given, ...extra.map((key) => `extra_body.${key}`)]
}

function asksNothing(value: unknown): boolean {
  return value == null || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** How a provider stands, as the runner sees it. */
export const providerState = () =>
  z.object({
    provider: z.string(),
    /** it has what it needs: a key, an address, a program */
    configured: z.boolean(),
    /** what is missing */
    problem: z.string().nullable(),
    /** how its last run ended, as far as that was the provider's doing; null before there was one */
    healthy: z.boolean().nullable(),
    /** runs since this runner began */
    completed: z.number(),
    failed: z.number(),
    /** ISO 8601 */
    last_success: z.string().nullable(),
    last_failure: z.string().nullable(),
    last_error: z.string().nullable(),
  })
export type ProviderState = z.infer<ReturnType<typeof providerState>>
