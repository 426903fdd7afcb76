import { KsiError, messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { Place } from './place.ts'

/** Within a second what was removed is there again. */
const lookMs = 500

/**
 * Keeps the place as long as it runs. Where another ksi has taken it, this one has no business here any more.
 * @param standDown told why, in a sentence
 */
export function keepPlace(place: Place, log: Log, standDown: (error: KsiError) => void): { stop(): void } {
  let said: string | undefined
  const timer = setInterval(() => {
    try {
      place.keep()
      said = undefined
    } catch (error) {
      if (error instanceof KsiError && error.code === 'KSI_INSTANCE_RUNNING') {
        clearInterval(timer)
        const message = 'Another ksi has taken this place, whose lock files were removed while this one ran: it ends.'
        return standDown(new KsiError('KSI_FENCED', message, { cause: error }))
      }
      if (said !== messageOf(error)) log.error({ err: error }, 'what was removed of var cannot be made again')
      said = messageOf(error)
    }
  }, lookMs)
  return { stop: () => clearInterval(timer) }
}
