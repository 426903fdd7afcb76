import { providerName } from '../../contracts/providers.ts'
import type { ProviderName } from '../../contracts/providers.ts'
import type { ProviderSettings } from '../../contracts/settings.ts'
import { messageOf } from '../../lib/errors.ts'
import type { ChildRegister } from '../orphans.ts'
import type { OpenAiEndpoint } from './openai.ts'
import { ProviderError } from './provider.ts'
import type { Provider } from './provider.ts'

/** Finds the provider of a model. */
export interface Registry {
  /** @throws ProviderError (final) when no provider has that name, or it cannot be loaded */
  find(model: string): Promise<Provider>
  /** Loads all providers, by name. @throws ProviderError when one cannot be loaded */
  load(): Promise<Provider[]>
}

export type Loaders = Readonly<Record<string, () => Promise<Provider>>>

/** A registry over loaders by name. Each loads once: by `load`, or at its first use. */
export function createRegistry(loaders: Loaders): Registry {
  const loaded = new Map<string, Promise<Provider>>()
  const find = async (model: string): Promise<Provider> => {
    const name = providerName(model)
    const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined
    if (!load) {
      const known = Object.keys(loaders).sort().join(', ')
      throw new ProviderError(
        `No provider is called "${name}" (model "${model}"). Name the model as provider/model, with one of: ${known}.`,
        {
          retryable: false,
          reason: 'invalid_request',
        },
      )
    }
    const provider = loaded.get(name) ?? load()
    loaded.set(name, provider)
    try {
      return await provider
    } catch (error) {
      // Forgotten, so that it can be loaded once its package is there.
      loaded.delete(name)
      throw new ProviderError(
        `The provider "${name}" could not be loaded: ${messageOf(error)}. Install what it needs.`,
        { retryable: false, cause: error },
      )
    }
  }
  const load = (): Promise<Provider[]> => Promise.all(Object.keys(loaders).map(find))
  return { find, load }
}

/** What the providers need of their surroundings. */
export interface ProviderSurroundings {
  /** Where the programs that providers start have their working folders. */
  workDir: string
  /** KSI_CLAUDE_BIN. */
  claudeBin: string | undefined
  root: string
  env: NodeJS.ProcessEnv
  children: ChildRegister
  /** Addresses and keys. */
  settings: ProviderSettings
  /** How long, in ms, a call may say nothing. */
  silenceMs: number
}

/** The providers there are. */
export function providerLoaders(surroundings: ProviderSurroundings): Record<ProviderName, () => Promise<Provider>> {
  const { settings, silenceMs } = surroundings
  const unless =
    (value: string | undefined, ...names: string[]) =>
    (): string | undefined =>
      value === undefined ? `Set ${names.join(' or ')} where the runner is started.` : undefined
  const openAi = async (endpoint: Omit<OpenAiEndpoint, 'silenceMs'>): Promise<Provider> =>
    (await import('./openai.ts')).createOpenAi({ ...endpoint, silenceMs })
  const { OPENAI_API_KEY: openAiKey, KSI_OPENAI_COMPATIBLE_URL: url, ANTHROPIC_API_KEY: key } = settings
  const token = settings.ANTHROPIC_AUTH_TOKEN
  return {
    echo: async () => (await import('./echo.ts')).createEcho(),
    'claude-cli': async () => (await import('./claude-cli.ts')).createClaudeCli(surroundings),
    openai: () =>
      openAi({
        name: 'openai',
        key: openAiKey,
        url: settings.OPENAI_BASE_URL,
        missing: unless(openAiKey, 'OPENAI_API_KEY'),
      }),
    'openai-compatible': () =>
      openAi({
        name: 'openai-compatible',
        key: settings.KSI_OPENAI_COMPATIBLE_KEY,
        url,
        missing: unless(url, 'KSI_OPENAI_COMPATIBLE_URL'),
      }),
    anthropic: async () =>
      (await import('./anthropic.ts')).createAnthropic({
        key,
        token,
        url: settings.ANTHROPIC_BASE_URL,
        missing: unless(key ?? token, 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'),
        silenceMs,
      }),
  }
}
