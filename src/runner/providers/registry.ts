import { messageOf } from '../../lib/errors.ts'
import type { ChildRegister } from '../orphans.ts'
import { ProviderError } from './provider.ts'
import type { Provider } from './provider.ts'

/** Finds the provider of a model. */
export interface Registry {
  /** @throws ProviderError (final) when no provider has that name, or it cannot be loaded */
  find(model: string): Promise<Provider>
  /** Loads all providers. @throws ProviderError when one cannot be loaded */
  load(): Promise<void>
}

export type Loaders = Readonly<Record<string, () => Promise<Provider>>>

/** The name of a model's provider: what stands before the first slash. */
export function providerName(model: string): string {
  return model.split('/', 1)[0] ?? ''
}

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
  const load = async (): Promise<void> => {
    await Promise.all(Object.keys(loaders).map(find))
  }
  return { find, load }
}

/** What the providers need of their surroundings. */
export interface ProviderSurroundings {
  /** `var/run/sandbox`: where the programs that providers start have their folders. */
  sandboxDir: string
  /** KSI_CLAUDE_BIN. */
  claudeBin: string | undefined
  root: string
  env: NodeJS.ProcessEnv
  children: ChildRegister
}

/** The providers there are. */
export function providerLoaders(surroundings: ProviderSurroundings): Loaders {
  return {
    echo: async () => (await import('./echo.ts')).createEcho(),
    'claude-cli': async () => (await import('./claude-cli.ts')).createClaudeCli(surroundings),
  }
}
