import type { Core } from './core.ts'

const intervalMs = 2_000
/** Rows removed at a time: a few ms, so that no reply waits for it. */
const slice = 500

/** Keeps the journal within its bounds, a little at a time. */
export function startHousekeeping(core: Core): { stop(): void } {
  const { events, replies, journal, settings, log } = core
  const tidy = (): void => {
    try {
      const removed = journal.tx(
        () => events.trim(settings.KSI_EVENTS_KEPT, slice) + events.trimFinished(settings.KSI_REQUESTS_KEPT, slice) + replies.trim(slice),
      )
      schedule(removed >= slice ? 50 : intervalMs)
    } catch (error) {
      log.error({ err: error }, 'the journal could not be trimmed, trying again')
      schedule(intervalMs * 5)
    }
  }
  let timer: NodeJS.Timeout
  const schedule = (ms: number): void => {
    timer = setTimeout(tidy, ms)
  }
  schedule(intervalMs)
  return { stop: () => clearTimeout(timer) }
}
