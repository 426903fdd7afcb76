import type { DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import { printableJson } from './printable.ts'

/**
 * Makes JSON log lines readable and writes them to stdout at once, without the control characters that a client or a
 * program may have put there. @param colors undefined: where they can be seen
 */
export function readableLines(colors?: boolean): DestinationStream {
  const readable = pretty({
    ...(colors === undefined ? {} : { colorize: colors }),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'name,time_zone',
    messageFormat: '{name}: {msg}',
    singleLine: true,
    sync: true,
    destination: 1,
  })
  return { write: (line) => void readable.write(printableJson(line)) }
}
