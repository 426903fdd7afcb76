import type { Core } from './core.ts'

const intervalMs = 2_000
/** Rows removed at a time: a few ms, so that no reply waits for it. */
const slice = 500
/** Finding the oldest finished request that is kept walks an index: it is done this seldom, in rounds. */
const finishedEvery = 15

/** Keeps the journal within its bounds, a little at a time. */
export function startHousekeeping(core: Core): { stop(): void } {
  const { events, replies, journal, settings, log } = core
  let round = 0
  const trim = (): number => {
    const finished = round % finishedEvery === 0 ? events.trimFinished(settings.KSI_REQUESTS_KEPT, slice) : 0
    return finished + events.trim(settings.KSI_EVENTS_KEPT, slice) + replies.trim(slice)
  }
  const tidy = (): void => {
    try {
      const more = journal.tx(trim) >= slice
      // While there is more to remove the same round goes on.
      if (!more) round += 1
      schedule(more ? 50 : intervalMs)
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
