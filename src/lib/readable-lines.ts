import type { DestinationStream } from 'pino'
import pretty from 'pino-pretty'

/** Makes JSON log lines readable and writes them to stdout at once. @param colors undefined: where they can be seen */
export function readableLines(colors?: boolean): DestinationStream {
  return pretty({
    ...(colors === undefined ? {} : { colorize: colors }),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'name,time_zone',
    messageFormat: '{name}: {msg}',
    singleLine: true,
    sync: true,
    destination: 1,
  })
}
