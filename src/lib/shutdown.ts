import { exitCodes, messageOf } from './errors.ts'
import type { Log } from './log.ts'

/**
 * Runs `stop` once on the first SIGTERM or SIGINT (or when `trigger` is called) and ends the process afterwards.
 * Further signals are ignored: `docker stop`, Compose and `daemon_control stop` all send more than one, and a second
 * one must not cut a checkpoint short. Past `deadlineMs` the process ends with exit code 70.
 * @returns `trigger(reason)`, which starts the same shutdown from the program itself.
 */
export function onShutdown(options: {
  log: Log
  deadlineMs: number
  stop: (reason: string) => Promise<void> | void
}): (reason: string) => void {
  const { log, deadlineMs, stop } = options
  let closing = false
  const begin = (reason: string): void => {
    if (closing) {
      log.debug({ reason }, 'shutdown already running')
      return
    }
    closing = true
    const timer = setTimeout(() => {
      log.fatal({ deadlineMs }, 'shutdown took too long, ending now')
      process.exit(exitCodes.internal)
    }, deadlineMs)
    Promise.resolve()
      .then(() => stop(reason))
      .then(() => {
        clearTimeout(timer)
        process.exit(exitCodes.ok)
      })
      .catch((error: unknown) => {
        log.fatal({ err: error }, `shutdown failed: ${messageOf(error)}`)
        process.exit(exitCodes.internal)
      })
  }
  process.on('SIGTERM', () => begin('SIGTERM'))
  process.on('SIGINT', () => begin('SIGINT'))
  return begin
}
