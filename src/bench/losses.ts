import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import type { Push } from '../testing/wire-client.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { sendWork } from '../testing/work.ts'
import { progress } from './table.ts'

export interface Losses {
  /** runner killed → the last of 20 lost requests is told, in ms */
  runnerKilled: number[]
  /**
   * everything killed and started again: live → the last of 20 lost requests is told to a client that came back, in ms
   */
  allKilled: number[]
  /** lost requests told not at all, or more than once */
  miscounted: number
}

const running = 20

/** Kills what holds the running work, and waits for the notices. */
export async function measureLosses(tries: number): Promise<Losses> {
  progress(`lost → client told: ${tries} times the runner, ${tries} times everything`)
  using project = makeProject({ changesReplies: true })
  const losses: Losses = { runnerKilled: [], allKilled: [], miscounted: 0 }
  for (let i = 0; i < tries; i++) await killRunner(project, `runner${i}-`, losses)
  for (let i = 0; i < tries; i++) await killAll(project, `all${i}-`, losses)
  return losses
}

async function killRunner(project: Project, tag: string, losses: Losses): Promise<void> {
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info' })
  using client = await ksi.client()
  const { pids } = await runTwenty(ksi, client, tag)
  const killed = performance.now()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await client.until(() => client.pushes.filter(isLoss).length >= running)
  losses.runnerKilled.push(performance.now() - killed)
  await settleCount(client, losses)
}

async function killAll(project: Project, tag: string, losses: Losses): Promise<void> {
  let since: number
  {
    await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info' })
    using client = await ksi.client()
    ;({ since } = await runTwenty(ksi, client, tag))
    // The runner host would outlive its supervisor, and nothing be lost.
    for (const { pid } of childrenOf(ksi.process.pid ?? 0)) signal(pid, 'SIGKILL')
    ksi.process.kill('SIGKILL')
    await ksi.exited
  }
  const launched = Ksi.launch(project, { KSI_LOG_LEVEL: 'info' })
  await using ksi = launched
  using client = await connectSoon(ksi)
  await client.request('monitor:subscribe', { event_patterns: ['*'], since })
  await client.until(() => client.pushes.filter(isLoss).length >= running)
  const told = Date.now()
  // The boot's own event is written in the last step before it is live.
  const live = client.pushes.find(({ event }) => event === 'system:recovered') as
    | (Push & { timestamp: number })
    | undefined
  losses.allKilled.push(told - (live?.timestamp ?? Number.NaN) * 1_000)
  await settleCount(client, losses)
}

/** Starts 20 requests that run for long. */
async function runTwenty(ksi: Ksi, client: WireClient, tag: string): Promise<{ pids: number[]; since: number }> {
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  await sendWork(client, { conversations: running, perConversation: 1, latencyMs: 540_000, tag })
  await client.until(() => client.pushes.filter(({ data }) => data['status'] === 'calling_provider').length >= running)
  const pids = [await ksi.runnerPid()]
  return { pids, since: client.pushes.at(-1)?.seq ?? 0 }
}

/** A little later nothing more may have come. */
async function settleCount(client: WireClient, losses: Losses): Promise<void> {
  await delay(200)
  losses.miscounted += Math.abs(client.pushes.filter(isLoss).length - running)
}

function isLoss({ event, data }: Push): boolean {
  return event === 'completion:failed' && data['reason'] === 'daemon_restart'
}

/** A client as soon as there is a socket. */
async function connectSoon(ksi: Ksi): Promise<WireClient> {
  for (;;) {
    try {
      return await ksi.client()
    } catch (error) {
      if (ksi.process.exitCode !== null) throw error
      await delay(2)
    }
  }
}
