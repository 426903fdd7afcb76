import { escapedJson, printable } from '../lib/printable.ts'
import type { DestinationStream } from 'pino'
import { readableLines } from '../lib/readable-lines.ts'

/** Where all processes' log lines meet: made readable, or passed on as they are. */
export interface LogSink {
  /** A line a child printed: JSON of our logs, or whatever somebody's debugging prints. */
  line(text: string): void
  /** For the supervisor's own log. */
  stream: DestinationStream
}

/** Opens the sink on stdout. `pretty` for people (`colors` where they can be seen), `json` for machines. */
export function openLogSink(format: 'pretty' | 'json', colors: boolean): LogSink {
  // A reader that went away (a closed pipe) must not end the daemon.
  process.stdout.on('error', () => {})
  if (format === 'json') {
    const write = (text: string): void => {
      // JSON loses nothing by this: what it does not spell as escapes becomes some. A child may print anything else.
      const shown = printable(escapedJson(text))
      process.stdout.write(shown.endsWith('\n') ? shown : `${shown}\n`)
    }
    return { line: write, stream: { write } }
  }
  const stream = readableLines(colors)
  return { line: (text) => stream.write(`${text}\n`), stream }
}
