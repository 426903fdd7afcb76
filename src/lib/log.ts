import pino from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type Log = Logger

/**
 * A logger that writes one JSON object a line, synchronously, so that the last line of a dying process is not lost.
 * Making it readable is another program's work (the supervisor, `pino-pretty`).
 * @param name which part of ksi speaks: `daemon`, `runner`, …
 */
export function createLog(
  name: string,
  level: string,
  stream: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Log {
  return pino({ name, level, base: { name }, timestamp: pino.stdTimeFunctions.epochTime }, stream)
}

/** A logger that says nothing: for tests. */
export function silentLog(): Log {
  return pino({ level: 'silent' })
}
