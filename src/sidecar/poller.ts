import { sleep } from '../lib/backoff.ts'

/** A repeated look at something. */
export interface Poller {
  /** Look again at once, instead of when it is time. */
  poke(): void
  /** Ends after the look that is under way. */
  stop(): Promise<void>
}

/** Pokes that come thick and fast must not turn into a busy loop. */
const shortestGapMs = 100

/**
 * Calls `look` over and over, one at a time.
 * @param options.everyMs the pause before the next look, asked anew each time
 * @param options.look must not throw: what fails is part of what it reports
 */
export function startPoller(options: { everyMs: () => number; look: () => Promise<void> | void }): Poller {
  const ending = new AbortController()
  let wake = new AbortController()
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      wake = new AbortController()
      await options.look()
      await sleep(shortestGapMs, ending.signal)
      if (!ending.signal.aborted) await sleep(Math.max(0, options.everyMs() - shortestGapMs), wake.signal)
    }
  }
  const running = run()
  return {
    poke: () => {
      wake.abort()
    },
    stop: () => {
      ending.abort()
      wake.abort()
      return running
    },
  }
}
