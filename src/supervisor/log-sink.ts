import { escapedJson, printable } from '../lib/printable.ts'
import type { DestinationStream } from 'pino'
import { readableLines } from '../lib/readable-lines.ts'
import type { LogFile } from './log-file.ts'

/** Where all processes' log lines meet: made readable, or passed on as they are. */
export interface LogSink {
  /** A line a child printed: JSON of our logs, or whatever somebody's debugging prints. */
  line(text: string): void
  /** For the supervisor's own log. */
  stream: DestinationStream
}

/**
 * Opens the sink on stdout. `pretty` for people (`colors` where they can be seen), `json` for machines.
 * @param file gets every line as well, as JSON
 * @param whole with all a line has, also where its message says what counts
 */
export function openLogSink(
  format: 'pretty' | 'json',
  colors: boolean,
  file?: Pick<LogFile, 'write'>,
  whole = false,
): LogSink {
  // A reader that went away (a closed pipe) must not end the daemon.
  process.stdout.on('error', () => {})
  // JSON loses nothing by this: what it does not spell as escapes becomes some. A child may print anything else.
  const escaped = (text: string): string => {
    const shown = printable(escapedJson(text))
    return shown.endsWith('\n') ? shown : `${shown}\n`
  }
  const readable = format === 'json' ? undefined : readableLines({ colors, whole })
  const write = (text: string): void => {
    const line = escaped(text)
    file?.write(line)
    if (readable === undefined) process.stdout.write(line)
    else readable.write(text.endsWith('\n') ? text : `${text}\n`)
  }
  return { line: write, stream: { write } }
}
