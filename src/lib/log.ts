import pino from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type Log = Logger

/**
 * A logger that writes one JSON object a line, synchronously, so that the last line of a dying process is not lost.
 * Making it readable is another program's work (the supervisor, `pino-pretty`).
 * @param name which part of ksi speaks: `daemon`, `runner`, …
 */
export function createLog(name: string, level: string, stream: DestinationStream = standardOutput()): Log {
  return pino({ name, level, base: { name }, timestamp: pino.stdTimeFunctions.epochTime }, stream)
}

/** Standard output; each line is what `change` makes of it. */
export function standardOutput(change?: (line: string) => string): DestinationStream {
  const out = pino.destination({ fd: 1, sync: true })
  return change === undefined ? out : { write: (line) => out.write(change(line)) }
}

/** A logger that says nothing: for tests. */
export function silentLog(): Log {
  return pino({ level: 'silent' })
}
