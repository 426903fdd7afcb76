import type { KsiClient } from '../../client/client.ts'
import type { EventReply } from '../../contracts/events.ts'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { printable } from '../../lib/printable.ts'
import { reach } from '../daemon-link.ts'
import { troubleLine } from '../event-lines.ts'
import { duration, print, printJson, say } from '../output.ts'

type Health = EventReply<'system:health'>

const defaultTimeoutMs = 2_000
const missingMs = 500

export const health: Command = {
  usage: 'health [--quiet] [--timeout TIME]',
  examples: [
    ['health', 'one line, and the exit code'],
    ['health --quiet', 'only the exit code, as a container health check wants it'],
  ],
  options: { quiet: { type: 'boolean', short: 'q', help: 'print nothing' } },
  notes: [
    'Exits with 0 when requests are served, 1 when not (also when there is no answer in time: default 2s),' +
      ' 69 when nobody listens.',
  ],
  run: async (invocation) => {
    const quiet = invocation.values['quiet'] === true
    try {
      await using client = await reach(
        { ...invocation, timeoutMs: invocation.timeoutMs ?? defaultTimeoutMs },
        { reconnect: false },
      )
      const reply = await client.request('system:health', {}, { raw: true })
      if (invocation.json && !quiet) printJson(reply)
      else if (!quiet) print([describe(reply), ...(await missing(client, reply))].join('; '))
      return reply.status === 'healthy' ? exitCodes.ok : exitCodes.failed
    } catch (error) {
      if (!(error instanceof KsiError)) throw error
      if (!quiet && invocation.json) printJson({ status: 'down', error: error.message, code: error.code })
      if (!quiet) say(`ksi: ${error.message}`)
      return error.code === 'KSI_TIMEOUT' ? exitCodes.failed : error.exitCode
    }
  },
}

/** What of ksi is not there although requests are served. */
async function missing(client: KsiClient, { status }: Health): Promise<string[]> {
  if (status !== 'healthy') return []
  try {
    return (await client.request('supervisor:status', {}, { timeoutMs: missingMs })).missing
  } catch {
    // Whether requests are served is what was asked.
    return []
  }
}

function describe(health: Health): string {
  if ('uptime' in health) {
    const { status, generation, uptime, losses, troubles } = health
    const lost = losses === 0 ? '' : '; something of the journal was lost: ksi losses'
    const first = `${status}: generation ${generation}, up ${duration(uptime * 1_000)}${lost}`
    return [first, ...troubles.map((trouble) => `  ${printable(troubleLine(trouble))}`)].join('\n')
  }
  // The supervisor answers while no generation is live: there is no time anything has been up for.
  const { status, generation, problem } = health
  const gone = generation == null ? '' : `: generation ${generation} is gone`
  return `${status}${gone}${problem == null ? '' : `: ${problem}`}`
}
