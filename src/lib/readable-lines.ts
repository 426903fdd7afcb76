import type { DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import { printableJson } from './printable.ts'

const options = { ignore: 'name,time_zone', messageFormat: '{name}: {msg}', singleLine: true }

/** Lines whose message says all a person wants to know: what only tells, and what has code with it. */
const saysAll = /^\{"level":30,|"msg":"[^"]*\\n +[> ] +\d+ │ /

/**
 * Makes JSON log lines readable and writes them to stdout at once, without the control characters that a client or a
 * program may have put there.
 * @param options.colors undefined: where they can be seen
 * @param options.whole with all a line has, also where its message says what counts
 */
export function readableLines({
  colors,
  whole = false,
}: { colors?: boolean; whole?: boolean } = {}): DestinationStream {
  const made = (hideObject: boolean) =>
    pretty({
      ...options,
      ...(colors === undefined ? {} : { colorize: colors }),
      translateTime: 'SYS:HH:MM:ss.l',
      sync: true,
      destination: 1,
      hideObject,
      // On one line with what is left out, the line would have no end.
      singleLine: !hideObject,
    })
  const [full, short] = [made(false), made(true)]
  return { write: (line) => void (!whole && saysAll.test(line) ? short : full).write(printableJson(line)) }
}

/** Whether so low a level asks for all there is of each line. */
export function asksForAll(level: string): boolean {
  return level === 'debug' || level === 'trace'
}

/** Makes a line that was kept readable, with its date; what is no JSON comes back as it is. Both end with a newline. */
export function readableLine(colors: boolean): (line: string) => string {
  const format = pretty.prettyFactory({ ...options, colorize: colors, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l' })
  return (line) => format(printableJson(line))
}
