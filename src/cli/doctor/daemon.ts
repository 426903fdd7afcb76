import type { SupervisorStatus } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import type { KsiClient } from '../../client/client.ts'
import { KsiError, messageOf } from '../../lib/errors.ts'
import { isTaken, portHolder } from '../../lib/port-holder.ts'
import type { Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { moment } from '../output.ts'
import type { Finding } from './finding.ts'
import { accounts } from './machine.ts'

const askMs = 2_000

/** What the daemon says of itself, where it says something. */
export interface Asked {
  status: SupervisorStatus | undefined
  findings: Finding[]
}

/** Whether a daemon answers, serves, and has taken a checkpoint. */
export async function daemon(invocation: Invocation): Promise<Asked> {
  try {
    await using client = await reach({ ...invocation, timeoutMs: invocation.timeoutMs ?? askMs }, { reconnect: false })
    const status = await client.request('supervisor:status')
    const says = `generation ${status.generation}, ${status.mode} mode, at ${client.address}`
    const wrong = status.problem ?? (status.generation === null ? 'no generation is live' : undefined)
    const serves: Finding =
      wrong === undefined
        ? { check: 'daemon', state: 'ok', says }
        : { check: 'daemon', state: 'fail', says: wrong, mend: 'ksi status, ksi logs' }
    return { status, findings: [serves, await lastCheckpoint(client)] }
  } catch (error) {
    return { status: undefined, findings: [unreachable(error)] }
  }
}

function unreachable(error: unknown): Finding {
  const says = messageOf(error)
  const code = error instanceof KsiError ? error.code : undefined
  if (code === 'KSI_UNREACHABLE' && !says.includes('EACCES'))
    return {
      check: 'daemon',
      state: 'warn',
      says: 'none answers',
      mend: 'npm run dev, ksi start, or docker compose up',
    }
  if (code === 'KSI_UNAUTHORIZED') return { check: 'daemon', state: 'fail', says, mend: 'KSI_TOKEN=$(ksi token)' }
  const mend = code === 'KSI_TIMEOUT' ? 'ksi logs; then ksi restart' : 'run this as the user the daemon runs as'
  return { check: 'daemon', state: 'fail', says, mend }
}

async function lastCheckpoint(client: KsiClient): Promise<Finding> {
  const check = 'last checkpoint'
  try {
    const reply = await client.request('dev:checkpoint', { action: 'list' })
    const newest = 'checkpoints' in reply ? reply.checkpoints[0] : undefined
    if (newest === undefined) return { check, state: 'skip', says: 'none yet' }
    const { id, at, reason, queued, active } = newest
    const says = `${id}, ${moment(at)}, ${reason}: ${queued} queued, ${active} running`
    return { check, state: 'ok', says }
  } catch (error) {
    return { check, state: 'fail', says: messageOf(error), mend: 'ksi status' }
  }
}

/** The two ports: held by the ksi that runs, or free for one. */
export function ports(settings: Settings, status: SupervisorStatus | undefined): Finding[] {
  return (['KSI_PORT', 'KSI_SIDECAR_PORT'] as const).map((name) => port(name, settings[name], status))
}

function port(name: string, number: number, status: SupervisorStatus | undefined): Finding {
  const check = `port ${number}`
  if (number === 0) return { check: name, state: 'ok', says: 'any free one' }
  const taken = isTaken(number)
  if (taken === undefined) return { check, state: 'skip', says: 'who listens there cannot be told here' }
  const holder = portHolder(number)
  const by = holder === undefined ? 'another user or container' : `${holder.name} (pid ${holder.pid})`
  if (!taken) return { check, state: 'ok', says: 'free' }
  // What runs answers there itself, or its sidecar does.
  if (status !== undefined) return { check, state: 'ok', says: `held by ${by}` }
  const mend = holder === undefined ? `${name}=OTHER` : `kill ${holder.pid}, or ${name}=OTHER`
  return { check, state: 'fail', says: `held by ${by}`, mend }
}

/** Who else on this machine could use the TCP port. */
export function openTcp(settings: Settings): Finding {
  const check = 'tcp'
  if (settings.asksForToken) return { check, state: 'ok', says: 'asks for a token' }
  const others = accounts()
  const says = `asks for no token: every user of this machine may use it (${others.length} accounts)`
  return { check, state: others.length > 1 ? 'warn' : 'ok', says, mend: 'KSI_TOKEN=auto in .env' }
}
