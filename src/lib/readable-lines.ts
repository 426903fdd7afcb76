import type { DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import { printableJson } from './printable.ts'

const options = { ignore: 'name,time_zone', messageFormat: '{name}: {msg}', singleLine: true }

/**
 * Makes JSON log lines readable and writes them to stdout at once, without the control characters that a client or a
 * program may have put there. @param colors undefined: where they can be seen
 */
export function readableLines(colors?: boolean): DestinationStream {
  const readable = pretty({
    ...options,
    ...(colors === undefined ? {} : { colorize: colors }),
    translateTime: 'SYS:HH:MM:ss.l',
    sync: true,
    destination: 1,
  })
  return { write: (line) => void readable.write(printableJson(line)) }
}

/** Makes a line that was kept readable, with its date; what is no JSON comes back as it is. Both end with a newline. */
export function readableLine(colors: boolean): (line: string) => string {
  const format = pretty.prettyFactory({ ...options, colorize: colors, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l' })
  return (line) => format(printableJson(line))
}
