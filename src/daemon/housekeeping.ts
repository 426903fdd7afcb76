import type { Core } from './core.ts'

const intervalMs = 2_000
/** Rows removed at a time: a few ms, so that no reply waits for it. */
const slice = 500
/** Finding the oldest finished request that is kept walks an index: it is done this seldom, in rounds. */
const finishedEvery = 15

/** Pages given back to the file system at a time; as many stay for what comes next. */
const pagesGivenBack = 128

/**
 * Keeps the journal within its bounds, a little at a time, and watches over the quotas.
 * @param onFilling called when other quotas fill up than before
 * @param removeLogs removes the logs of former runners that nobody needs
 */
export function startHousekeeping(
  core: Core,
  { onFilling, removeLogs }: { onFilling: () => void; removeLogs: () => Promise<unknown> },
): { stop(): void } {
  const { journal, settings, log, quotas, troubles } = core
  const { events, finished, removed, replies, runs } = journal
  let round = 0
  const trim = (): number => {
    journal.shrink(pagesGivenBack)
    quotas.note()
    const seldom = round % finishedEvery === 0
    const requests = seldom
      ? finished.trim(settings.KSI_REQUESTS_KEPT, slice) + runs.usage.trim(journal.clock.now())
      : 0
    return requests + events.trim(settings.KSI_EVENTS_KEPT, slice) + replies.trim(slice) + removed.trim(slice)
  }
  const tidy = (): void => {
    look()
    try {
      const more = journal.tx(trim) >= slice
      // While there is more to remove the same round goes on.
      if (!more && ++round % finishedEvery === 0)
        removeLogs().catch((err: unknown) => log.error({ err }, 'logs of former runners could not be removed'))
      troubles.well('trimming the journal')
      schedule(more ? 50 : intervalMs)
    } catch (error) {
      log.error({ err: error }, 'the journal could not be trimmed, trying again')
      troubles.failed('trimming the journal', error, settings.paths.journal)
      schedule(intervalMs * 5)
    }
  }
  let told = ''
  const look = (): void => {
    quotas.measure().catch((err: unknown) => log.error({ err }, 'the response files could not be measured'))
    const notes = quotas.filling
    if (notes.join() === told) return
    told = notes.join()
    onFilling()
    for (const note of notes) log.warn(note)
  }
  let timer: NodeJS.Timeout
  const schedule = (ms: number): void => {
    timer = setTimeout(tidy, ms)
  }
  schedule(intervalMs)
  return { stop: () => clearTimeout(timer) }
}
