import { sleep } from '../lib/backoff.ts'
import { exitCodes } from '../lib/errors.ts'
import type { SupervisorStatus } from '../contracts/control.ts'
import { socketPathUnder } from '../client/address.ts'
import type { Invocation } from './command.ts'
import { reach } from './daemon-link.ts'
import { columns, duration, print, printJson, say } from './output.ts'
import { startInBackground } from './supervisor-process.ts'

const pollMs = 50
const defaultTimeoutMs = 30_000
const lastLines = 20

/** The same command, about the ksi of this root and on this machine: that is the one that can be started. */
export function here(invocation: Invocation): Invocation {
  const address = `unix:${socketPathUnder(invocation.place.root)}`
  return { ...invocation, place: { ...invocation.place, address, byRoot: false } }
}

/** Whether ksi serves at this place: its state, or undefined when it does not (yet). */
async function servingState(invocation: Invocation): Promise<SupervisorStatus | undefined> {
  try {
    await using client = await reach({ ...invocation, timeoutMs: 2_000 }, { reconnect: false })
    const health = await client.request('system:health')
    return 'uptime' in health ? await client.request('supervisor:status') : undefined
  } catch {
    // Not yet, or never: the caller waits, and reads the log when the process ends.
    return undefined
  }
}

/**
 * Starts ksi in the background and waits until it serves.
 * @returns the exit code: 0 also when it runs already, the supervisor's own when it died, 75 when it takes too long
 */
export async function startAndReport(asked: Invocation): Promise<number> {
  const invocation = here(asked)
  const running = await servingState(invocation)
  if (running !== undefined) return reportRunning(invocation, running, 'already running')
  const { timeoutMs = defaultTimeoutMs, place } = invocation
  const startedAt = performance.now()
  const supervisor = startInBackground(invocation)
  say(`Starting ksi in ${place.root} …`)
  let exitCode: number | undefined
  const ended = supervisor.ended.then((code) => (exitCode = code))
  while (performance.now() - startedAt < timeoutMs) {
    const state = await servingState(invocation)
    if (state !== undefined) {
      supervisor.letGo()
      return reportRunning(invocation, state, 'started', Math.round(performance.now() - startedAt))
    }
    await Promise.race([ended, sleep(pollMs)])
    if (exitCode !== undefined) return reportDeath(invocation, exitCode, supervisor.logged())
  }
  supervisor.letGo()
  say(
    `ksi (pid ${supervisor.pid}) does not serve after ${duration(timeoutMs)}, and goes on trying. ` +
      `See ${place.logFile}; \`ksi stop\` ends it.`,
  )
  return exitCodes.tryAgain
}

function reportRunning(
  { json, place }: Invocation,
  state: SupervisorStatus,
  how: 'started' | 'already running',
  ms?: number,
): number {
  const { pid, generation, mode, addresses, journal, sidecar } = state
  if (json) {
    printJson({
      status: how,
      pid,
      generation,
      mode,
      addresses,
      journal,
      sidecar,
      log: place.logFile,
      ...(ms === undefined ? {} : { ms }),
    })
    return exitCodes.ok
  }
  print(how === 'started' ? `ksi serves, ${duration(ms ?? 0)} after the start.` : `ksi runs already, in ${mode} mode.`)
  print(
    columns(
      [
        ['pid', String(pid)],
        ['generation', String(generation)],
        ['socket', addresses.socket],
        ['tcp', addresses.tcp],
        ...(sidecar === null ? [] : [['page', sidecar.url]]),
        [
          'journal',
          `${journal.path} (${journal.kept ? 'state is kept over restarts' : 'not kept: KSI_CHECKPOINT is off'})`,
        ],
        ...(how === 'started' ? [['log', place.logFile]] : []),
      ],
      '  ',
    ),
  )
  return exitCodes.ok
}

async function reportDeath({ json, place }: Invocation, code: number, logged: string): Promise<number> {
  const { readableLine } = await import('../lib/readable-lines.ts')
  const readable = readableLine(false)
  const lines = logged.trimEnd().split('\n').slice(-lastLines)
  if (json) printJson({ status: 'died', exit_code: code, log: place.logFile, last_lines: lines })
  say(`ksi ended at its start with exit code ${code}. The last of ${place.logFile}:\n`)
  say(lines.map((line) => readable(line).trimEnd()).join('\n'))
  // An end without an error is no success when it was to serve.
  return code === 0 ? exitCodes.failed : code
}
