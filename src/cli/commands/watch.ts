import { exitCodes, KsiError } from '../../lib/errors.ts'
import { escapedJson } from '../../lib/printable.ts'
import type { ConnectionState } from '../../client/connection.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { eventLine } from '../event-lines.ts'
import { print, say } from '../output.ts'
import { whenReaderGoes } from '../reader.ts'

export const watch: Command = {
  usage: 'watch [PATTERN …] [--since N]',
  examples: [
    ['watch', 'all events, from now on'],
    ["watch 'completion:*' system:reload_failed", 'those whose names fit'],
    ['watch --since 0 --json', 'also all that are kept, one JSON object a line'],
  ],
  words: Infinity,
  options: { since: { type: 'string', help: 'N  first those after this seq' } },
  notes: ['Goes on over restarts without missing or repeating an event, until Ctrl-C.'],
  run: async ({ place, timeoutMs, json, positionals, values }) => {
    const since = readSeq(values['since'])
    let lost = false
    const onState = (state: ConnectionState): void => {
      if (state === 'reconnecting' && !lost) say('ksi: the connection is lost, trying again …')
      if (state === 'connected' && lost) say('ksi: connected again.')
      lost = state === 'reconnecting'
    }
    await using client = await reach({ place, timeoutMs }, { onState })
    const events = client.subscribe({
      ...(positionals.length === 0 ? {} : { patterns: positionals }),
      ...(since === undefined ? {} : { since }),
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => events.close())
    const rest = whenReaderGoes(() => events.close())
    for await (const push of events) print(json ? escapedJson(JSON.stringify(push)) : eventLine(push))
    rest()
    return exitCodes.ok
  },
}

function readSeq(given: string | boolean | undefined): number | undefined {
  if (given === undefined) return undefined
  if (typeof given !== 'string' || !/^\d+$/.test(given))
    throw new KsiError('KSI_BAD_REQUEST', `--since takes the seq of an event, not "${given}".`)
  return Number(given)
}
