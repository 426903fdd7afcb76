import { exitCodes, KsiError } from '../../lib/errors.ts'
import { escapedJson } from '../../lib/printable.ts'
import type { ConnectionState } from '../../client/connection.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { eventLine } from '../event-lines.ts'
import { followStream } from '../follow-stream.ts'
import { print, say } from '../output.ts'
import { whenReaderGoes } from '../reader.ts'

export const watch: Command = {
  usage: 'watch [PATTERN …] [--since N] | --request ID [--from ATTEMPT:OFFSET]',
  examples: [
    ['watch', 'all events, from now on'],
    ["watch 'completion:*' system:reload_failed", 'those whose names fit'],
    ['watch --since 0 --json', 'also all that are kept, one JSON object a line'],
    ['watch --request r1', 'the text of a request as it comes, from its beginning'],
  ],
  words: Infinity,
  options: {
    since: { type: 'string', help: 'N  first those after this seq' },
    request: { type: 'string', help: "ID  instead of events: a request's output, to its outcome" },
    from: { type: 'string', help: 'ATTEMPT:OFFSET  of it, from this chunk on' },
  },
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
    if (typeof values['request'] === 'string')
      return await followStream(client, values['request'], { json, ...readPlace(values['from']) })
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

function readPlace(given: string | boolean | undefined): { attempt: number; from: number } {
  if (given === undefined) return { attempt: 1, from: 0 }
  const [, attempt, from] = /^([1-9]\d*):(\d+)$/.exec(String(given)) ?? []
  if (attempt === undefined || from === undefined)
    throw new KsiError('KSI_BAD_REQUEST', `--from takes attempt and offset of a chunk, as 1:0, not "${given}".`)
  return { attempt: Number(attempt), from: Number(from) }
}

function readSeq(given: string | boolean | undefined): number | undefined {
  if (given === undefined) return undefined
  if (typeof given !== 'string' || !/^\d+$/.test(given))
    throw new KsiError('KSI_BAD_REQUEST', `--since takes the seq of an event, not "${given}".`)
  return Number(given)
}
