import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FromGeneration, Phases, ToGeneration } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import { roundMs } from '../lib/time.ts'
import type { Log } from '../lib/log.ts'
import { isMisfit } from '../store/open.ts'
import { checkSchema } from '../store/migrate.ts'
import { registerAgents } from './agents/agents.ts'
import { registerCheckpoints, takeCheckpoint } from './checkpoint/checkpoint.ts'
import { emptyReport } from './completion/reconcile.ts'
import { CompletionService } from './completion/service.ts'
import { createCore } from './core.ts'
import type { Core } from './core.ts'
import { registerDiscovery } from './wire/discovery.ts'
import type { Collected, ModuleHostOptions } from './module-host/module-host.ts'
import { keepJournal, registerLosses } from './journal-keeper.ts'
import { openJournal, reportOpening } from './opening.ts'
import { registerHealth } from './health.ts'
import { startHousekeeping } from './housekeeping.ts'
import { Monitor } from './monitor/monitor.ts'
import { EventLog } from './event-log/event-log.ts'
import { registerQueries } from './monitor/queries.ts'
import { registerRestore } from './checkpoint/restore.ts'
import { RunnerLinks } from './completion/runner-links.ts'
import { serveRelay } from './wire/relay-server.ts'
import type { ConnectionListener, Transport } from './wire/relay-server.ts'

type Activate = Extract<ToGeneration, { type: 'activate' }>
type Live = Extract<FromGeneration, { type: 'live' }>
/** What of a generation that serves is not as it should be. */
export type Condition = Omit<Extract<FromGeneration, { type: 'condition' }>, 'type'>

/**
 * How long, in ms, an activation waits for the runners to say what they hold; a slow one is brought into line later.
 */
const helloLimitMs = 150

/**
 * Looks, without writing, whether this code could go live, and connects to the runners ahead of time.
 * @param early a connection to the runner host, begun before anything was imported
 * @throws KsiError KSI_SCHEMA_NEWER
 */
export function standBy(settings: Settings, log: Log, early?: Socket): RunnerLinks {
  checkSchema(settings.paths.journal)
  const links = new RunnerLinks(log)
  links.follow(settings.paths.runnerHost, early)
  return links
}

/** A live generation. */
export interface LiveGeneration {
  readonly live: Live
  /** Collects the states of modules that only promise them; undefined where there is nothing to wait for. */
  prepare(): Promise<void> | undefined
  retire(reason: Extract<ToGeneration, { type: 'retire' }>): void
  failure(failure: Extract<ToGeneration, { type: 'failure' }>['failure']): void
  phases(phases: Phases): void
}

/** What a generation goes live with. */
interface LiveParts {
  settings: Settings
  log: Log
  stream: Duplex
  /** those `standBy` gave; they end with this generation */
  links: RunnerLinks
  modules: ModuleHostOptions
  /** What is not as it should be, whenever that changes. */
  onCondition: (condition: Condition) => void
  /** Whether it waits, on its way to live, for a sync that takes long. */
  onSyncing: (syncing: boolean) => void
  /** It cannot go on, because of this: it is to end, and another one to take its place. */
  end: (why: string) => void
}

/**
 * Takes the journal and goes live: opens and fences, runs `system:startup` (with the restore), `system:context`,
 * `system:ready`, then serves the relay. Throws what any of it throws; then nothing of it serves.
 */
export async function goLive(parts: LiveParts, message: Activate): Promise<LiveGeneration> {
  const { settings, log, stream, links } = parts
  const begun = performance.now()
  const suspect = message.previous_end !== 'handover' && message.previous_end !== 'clean'
  const journal = openJournal(settings, log, { ...message, suspect, onTrouble: parts.modules.onTrouble })
  // Both take a while, and the rest is made ready meanwhile.
  const hello = links.hello(journal.epoch, helloLimitMs)
  const synced = journal.synced()
  const core = createCore({ settings, log, journal, bootId: message.boot_id, modules: parts.modules })
  reportOpening(core)
  if (message.previous_debugged === true) journal.hand.forgive()
  const previousEnd = journal.tx(() => journal.boots.open({ ...message, generation: core.generation, now: Date.now() }))
  // In this order: response files are written before anybody is told of the result.
  const completion = new CompletionService(core, links)
  const monitor = new Monitor(core)
  registerQueries(core, monitor)
  const eventLog = new EventLog(core)
  try {
    registerServices(core, completion)
    const restore = registerRestore(core, completion, previousEnd === 'crash' || previousEnd === 'never-ended')
    const open = performance.now() - begun
    await Promise.all([hello, saidWhereSlow(synced, parts.onSyncing)])
    await runLifecycle(core)
    const restored = restore.report ?? emptyReport()
    const phases = { open: roundMs(open), restore: roundMs(performance.now() - begun - open) }
    const live: Live = { type: 'live', generation: core.generation, phases, restored, previous_end: previousEnd }
    announce(core, message, live)
    const transport = serveRelay(stream, core, all([monitor, completion.streams]))
    monitor.connect((frame) => transport.send(frame))
    completion.streams.connect((frame) => transport.send(frame))
    completion.open()
    eventLog.begin()
    return handle(core, { live, monitor, eventLog, completion, transport, ...parts })
  } catch (error) {
    // Whoever comes next looks whether it is the journal.
    if (isMisfit(error)) journal.distrust(error)
    completion.close()
    throw error
  }
}

/** A sync that takes longer, in ms, is said to be waited for. */
const slowSyncMs = 250

async function saidWhereSlow(synced: Promise<void>, onSyncing: (syncing: boolean) => void): Promise<void> {
  let isSaid = false
  const timer = setTimeout(() => onSyncing((isSaid = true)), slowSyncMs)
  try {
    await synced
  } finally {
    clearTimeout(timer)
    if (isSaid) onSyncing(false)
  }
}

function registerServices(core: Core, completion: CompletionService): void {
  registerHealth(core, Date.now())
  registerLosses(core)
  registerDiscovery(core)
  registerAgents(core)
  registerCheckpoints(core, { remove: (requestId) => completion.cancel(requestId, 'removed') })
  core.modules.register(core)
}

async function runLifecycle(core: Core): Promise<void> {
  await core.router.emitInOrder('system:startup', { generation: core.generation })
  await core.router.emitInOrder('system:context', { generation: core.generation })
  await core.router.emitInOrder('system:ready', {})
}

/**
 * Writes the boot's record and tells subscribers, in one transaction: also of changes that failed while nobody was
 * live.
 */
function announce(core: Core, message: Activate, live: Live): void {
  const { journal } = core
  journal.tx(() => {
    for (const failure of message.failures) {
      journal.boots.failed(failure)
      journal.emit('system:reload_failed', { ...failure })
    }
    journal.boots.live(core.bootId, Date.now(), live.restored)
    // Taking the journal back is told by the failure that led to it.
    if (message.cause === 'rollback' && !message.by_hand) return
    const swap = message.cause !== 'start' && message.cause !== 'crash'
    journal.emit(swap ? 'system:reloaded' : 'system:recovered', {
      generation: core.generation,
      cause: message.cause,
      files: message.files,
      total_ms: Date.now() - message.at,
      phases: live.phases,
      restored: live.restored,
      previous_end: live.previous_end,
    })
  })
}

/** Tells each of them. */
function all(listeners: ConnectionListener[]): ConnectionListener {
  return {
    closed: (connection) => listeners.forEach((one) => one.closed(connection)),
    restore: (connection, seq, standing) => listeners.forEach((one) => one.restore(connection, seq, standing)),
    paused: (connection, paused) => listeners.forEach((one) => one.paused(connection, paused)),
    drained: () => listeners.forEach((one) => one.drained()),
  }
}

interface LivingParts extends Pick<LiveParts, 'end' | 'onCondition'> {
  live: Live
  monitor: Monitor
  eventLog: EventLog
  completion: CompletionService
  transport: Transport
}

function handle(core: Core, parts: LivingParts): LiveGeneration {
  const { journal } = core
  const { live, monitor, eventLog, completion, transport } = parts
  const tell = (): void => parts.onCondition({ filling: core.quotas.filling, troubles: core.troubles.list() })
  core.troubles.onChange = tell
  const housekeeping = startHousekeeping(core, { onFilling: tell, removeLogs: () => completion.removeOldLogs() })
  const keeper = keepJournal(core, parts.end)
  let states: Collected[] | undefined
  return {
    live,
    prepare() {
      const { now, later } = core.modules.collect()
      states = now
      const collected = later?.then((promised) => void (states = [...now, ...promised]))
      if (journal.place.isRight) return collected
      return journal.place.keep().then(() => collected)
    },
    retire({ reason, files }) {
      journal.place.assertRight()
      void core.router.emitInOrder('system:shutdown', { reason })
      // First the checkpoint: if there is no room for it, nothing has happened and this generation serves on.
      journal.tx(() => {
        if (reason === 'reload') journal.emit('system:reloading', { generation: core.generation, files })
        journal.boots.ended(core.bootId, reason === 'reload' ? 'handover' : 'clean', Date.now())
        takeCheckpoint(core, reason, { files, states: states ?? core.modules.collect().now })
      })
      // At a reload the next one syncs what it takes over before it tells anything; folding the WAL into the file would
      // take longer than the rest of the swap. But after a sync that failed nothing else makes it safe.
      if (reason !== 'reload' || journal.trouble !== undefined) journal.flush()
      housekeeping.stop()
      keeper.stop()
      // In this order: a last word to the subscribers' cursors, then nothing more is read, started or taken in.
      monitor.reportCursors()
      transport.stop()
      completion.close()
      eventLog.close()
    },
    failure: (failure) =>
      note(core, () => {
        journal.boots.failed(failure)
        journal.emit('system:reload_failed', { ...failure })
      }),
    phases: (phases) => note(core, () => journal.boots.phases(core.bootId, phases)),
  }
}

/** Writes what the supervisor has to say. That there is no room for it must not end the generation. */
function note(core: Core, work: () => unknown): void {
  try {
    core.journal.tx(work)
  } catch (error) {
    core.log.error({ err: error }, "the supervisor's notice could not be written")
  }
}
