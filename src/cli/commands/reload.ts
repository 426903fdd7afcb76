import type { Phases } from '../../contracts/control.ts'
import { exitCodes } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { duration, paint, print, printJson, say } from '../output.ts'

/** Longer than a boot that is given up (10 s) with what comes before and after. */
export const handOverTimeoutMs = 60_000

export const reload: Command = {
  usage: 'reload [--timeout TIME]',
  examples: [['reload', 'boot the code as it is on disk, hand over to it, say how long it took']],
  options: {},
  notes: ['Exits with 1 when the new code did not become live; the old goes on serving. --timeout: default 60s.'],
  run: async (invocation) => {
    await using client = await reach({ ...invocation, timeoutMs: invocation.timeoutMs ?? handOverTimeoutMs })
    const reply = await client.request('system:reload', {}, { raw: true })
    if (invocation.json) printJson(reply)
    if (reply.status === 'reloaded') {
      if (!invocation.json) print(`Generation ${reply.generation} is live${describePhases(reply.phases)}.`)
      return exitCodes.ok
    }
    const { failure } = reply
    say(`${paint('red', 'Not reloaded')}: ${reply.error}`)
    if (failure?.error.stack !== undefined && !invocation.json) say(failure.error.stack)
    return exitCodes.failed
  },
}

/** ` after 46 ms (import 12 ms, retire 3 ms)`, as far as it is known. */
export function describePhases(phases: Phases): string {
  const { total, ...parts } = phases
  const told = Object.entries(parts).map(([name, ms]) => `${name} ${duration(ms)}`)
  return (total === undefined ? '' : ` after ${duration(total)}`) + (told.length === 0 ? '' : ` (${told.join(', ')})`)
}
