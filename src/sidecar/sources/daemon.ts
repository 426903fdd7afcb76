import { supervisorStatus } from '../../contracts/control.ts'
import type { SupervisorStatus } from '../../contracts/control.ts'
import { sleep } from '../../lib/backoff.ts'
import { KsiError, messageOf } from '../../lib/errors.ts'
import type { Poller } from '../poller.ts'
import { startPoller } from '../poller.ts'
import type { NewestReading } from '../reading.ts'

/** The one connection of the sidecar to the daemon. */
export interface DaemonLink {
  /** The data of the reply to `supervisor:status`. @throws KsiError when there is none in time */
  ask(timeoutMs: number): Promise<unknown>
  /** One item for each event that tells of a change in the daemon; ends when the connection is closed for good. */
  news(): AsyncIterable<unknown>
  close(): Promise<void>
}

const resubscribeMs = 2_000

/**
 * Keeps asking the front how the daemon is, over one connection, and at once when the daemon tells of a change.
 * @param options.changed called at each change the daemon tells of, so that the journal is read at once too
 */
export function startDaemonSource(options: {
  link: DaemonLink
  newest: NewestReading<SupervisorStatus>
  everyMs: () => number
  changed: () => void
  /** How long an answer may take, in ms. */
  limitMs?: number
}): Poller {
  const { link, newest, everyMs, changed, limitMs = 1_000 } = options
  const ending = new AbortController()
  const poller = startPoller({ everyMs, look: () => look(link, newest, limitMs) })
  const listening = listen({
    link,
    ending: ending.signal,
    heard: () => {
      poller.poke()
      changed()
    },
  })
  return {
    poke: () => {
      poller.poke()
    },
    stop: async () => {
      ending.abort()
      await link.close()
      await Promise.all([poller.stop(), listening])
    },
  }
}

async function look(link: DaemonLink, newest: NewestReading<SupervisorStatus>, limitMs: number): Promise<void> {
  try {
    const parsed = supervisorStatus.safeParse(await within(link.ask(limitMs), limitMs))
    if (parsed.success) newest.good(parsed.data)
    else
      newest.bad(
        'failed',
        `It answers, but not as this sidecar expects (${parsed.error.issues[0]?.path.join('.') ?? 'no object'}): ` +
          'are both of the same version?',
      )
  } catch (error) {
    newest.bad('failed', messageOf(error))
  }
}

/** The link has a limit of its own; this one holds even if it is broken. */
async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const timer = new AbortController()
  const late = sleep(limitMs + 100, timer.signal).then((): never => {
    throw new KsiError('KSI_TIMEOUT', `No answer within ${limitMs} ms.`)
  })
  // When the answer wins, the timer is cut short, and its rejection is of no interest any more.
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

async function listen(options: { link: DaemonLink; ending: AbortSignal; heard: () => void }): Promise<void> {
  const { link, ending, heard } = options
  while (!ending.aborted) {
    try {
      for await (const _news of link.news()) heard()
    } catch {
      // No daemon to subscribe to: the poll says so already.
    }
    await sleep(resubscribeMs, ending)
  }
}
