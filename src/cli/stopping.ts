import { formatTarget, readAddress, socketPathUnder } from '../client/address.ts'
import { sleep } from '../lib/backoff.ts'
import { KsiError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'
import { reach } from './daemon-link.ts'
import { duration } from './output.ts'
import { isAlive, readSupervisorPid } from './pid-file.ts'

const pollMs = 50
// Longer than all deadlines within: generation 3 s, supervisor 8 s.
const defaultTimeoutMs = 20_000

/**
 * Asks a ksi to end and waits until it has; what runs in its runners goes on where it is to start again (`restart`).
 * One that does not answer gets SIGTERM, if it is the one of this root.
 * @throws KsiError KSI_TIMEOUT when it still runs; what it replied when it refused
 */
export async function stopAndWait(asked: Invocation, { restart = false } = {}): Promise<'stopped' | 'not running'> {
  // Not one that answers at some other door: what Docker runs is Docker's to stop.
  const invocation = { ...asked, place: { ...asked.place, byRoot: false } }
  const { place, timeoutMs = defaultTimeoutMs } = invocation
  const isOfRoot = formatTarget(readAddress(place.address)) === `unix:${socketPathUnder(place.root)}`
  const pid = isOfRoot ? readSupervisorPid(place.pidFile) : undefined
  const giveUpAt = performance.now() + timeoutMs
  if (!(await askToEnd(invocation, { restart, timeoutMs }))) {
    if (pid === undefined) return 'not running'
    process.kill(pid, 'SIGTERM')
  }
  while (pid === undefined ? await answers(invocation) : isAlive(pid)) {
    if (performance.now() >= giveUpAt) throw stillThere(pid, timeoutMs)
    await sleep(pollMs)
  }
  return 'stopped'
}

/** @returns false when nobody answers */
async function askToEnd(
  invocation: Invocation,
  { restart, timeoutMs }: { restart: boolean; timeoutMs: number },
): Promise<boolean> {
  try {
    await using client = await reach(invocation, { reconnect: false })
    // A reply, or the end of the connection: KSI's daemon never replies to this, and ends.
    await client
      .request('system:shutdown', restart ? { restart } : {}, { timeoutMs: Math.min(timeoutMs, 2_000) })
      .catch((error: unknown) => {
        if (!(error instanceof KsiError) || (error.code !== 'KSI_UNREACHABLE' && error.code !== 'KSI_TIMEOUT'))
          throw error
      })
    return true
  } catch (error) {
    if (error instanceof KsiError && error.code === 'KSI_UNREACHABLE') return false
    throw error
  }
}

async function answers(invocation: Invocation): Promise<boolean> {
  try {
    await using client = await reach({ ...invocation, timeoutMs: 1_000 }, { reconnect: false })
    await client.request('system:health', {}, { raw: true })
    return true
  } catch {
    // Gone, or going.
    return false
  }
}

function stillThere(pid: number | undefined, timeoutMs: number): KsiError {
  const last =
    pid === undefined ? 'Look at its log.' : `Look at its log; \`kill -9 ${pid}\` ends it, and its journal stays whole.`
  return new KsiError(
    'KSI_TIMEOUT',
    `ksi${pid === undefined ? '' : ` (pid ${pid})`} still runs ${duration(timeoutMs)} after it was asked to end. ` +
      last,
  )
}
