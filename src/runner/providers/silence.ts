import { startAwakeTimer } from '../../lib/awake-timer.ts'
import { ProviderError } from './provider.ts'

/**
 * Does work that is to be heard of again and again: a call that says nothing for `limitMs` is ended, long before the
 * limit of the whole run, since it will hardly say anything more.
 * @param work gets a signal that aborts then, or when `signal` does, and what to call when something was heard
 * @throws ProviderError (retryable, `timeout`) after the silence
 */
export async function whileHeard<T>(
  { name, limitMs, signal }: { name: string; limitMs: number; signal: AbortSignal },
  work: (signal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> {
  const silent = new AbortController()
  const begin = (): { stop: () => void } => startAwakeTimer(limitMs, () => silent.abort())
  let timer = begin()
  const heard = (): void => {
    timer.stop()
    timer = begin()
  }
  try {
    return await work(AbortSignal.any([signal, silent.signal]), heard)
  } catch (error) {
    if (!silent.signal.aborted || signal.aborted) throw error
    throw new ProviderError(`${name} said nothing for ${limitMs} ms (KSI_PROVIDER_SILENCE_MS), and was given up.`, {
      retryable: true,
      outage: true,
      reason: 'timeout',
      cause: error,
    })
  } finally {
    timer.stop()
  }
}
