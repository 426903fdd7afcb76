/**
 * Milliseconds to wait before try number `attempt` (1 is the first repeat): exponential with full jitter, never under
 * `retryAfterMs`.
 * @param random a number in [0, 1); given by tests
 */
export function backoffMs(
  attempt: number,
  options: { baseMs: number; maxMs: number; retryAfterMs?: number | undefined; random?: () => number },
): number {
  const { baseMs, maxMs, retryAfterMs = 0, random = Math.random } = options
  const ceiling = Math.min(maxMs, baseMs * 2 ** (attempt - 1))
  return Math.max(retryAfterMs, Math.round(ceiling / 2 + random() * (ceiling / 2)))
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
