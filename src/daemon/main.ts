/*
 * A generation's process. It starts as a spare: dependencies imported, type stripping warm, and where the code on disk
 * is known to be good, our own imported ahead of time too (lib/preload.ts). A save then costs only the import of what
 * it changes. So nothing of ours but the spare's own may be imported statically here, types aside: it would be the code
 * of before the save.
 */
import { flushCompileCache } from 'node:module'
import { Socket, createConnection } from 'node:net'
import type { FromGeneration, ToGeneration } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { Log } from '../lib/log.ts'
import type { Condition, LiveGeneration, goLive, standBy } from './generation.ts'
import type { Module } from './module-host/define-module.ts'
import type { RunnerLinks } from './completion/runner-links.ts'
import { Preload } from '../lib/preload.ts'
import { collectGarbage, loadDependencies, warmUp } from './warm-up.ts'

type App = {
  goLive: typeof goLive
  standBy: typeof standBy
  settings: Settings
  log: Log
  links: RunnerLinks | undefined
  modules: Module[]
}
type Message<T extends ToGeneration['type']> = Extract<ToGeneration, { type: T }>

const tell = (message: FromGeneration): void => {
  if (process.connected) process.send?.(message)
}
const report = (error: unknown): { message: string; code?: string; stack?: string } => {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return { message: error.message.slice(0, 2_000), stack: (error.stack ?? '').slice(0, 4_000), ...code }
}

// What it writes is for the owner alone. Inherited from the supervisor; said once more for whoever starts it otherwise.
process.umask(0o077)
// Only the supervisor decides when a generation ends; Ctrl-C in a terminal reaches all of them at once.
process.on('SIGINT', () => {})
process.on('unhandledRejection', (reason) => {
  // Every change of state is a transaction, so the journal is whole: the generation serves on, visibly in trouble.
  process.stderr.write(`unhandled promise rejection: ${report(reason).stack ?? String(reason)}\n`)
  tell({ type: 'troubled', error: report(reason) })
})

await loadDependencies()

// File descriptor 4 is the relay: see contracts/relay.ts.
const stream = new Socket({ fd: 4, readable: true, writable: true })
stream.on('error', (error) => {
  process.stderr.write(`the relay to the front failed: ${error.message}\n`)
  process.exit(1)
})

const preload = process.env['KSI_PRELOAD'] === '1' ? new Preload(new URL('../../', import.meta.url).href) : undefined
let boot: Promise<App> | undefined
let live: LiveGeneration | undefined

const importOurs = () =>
  Promise.all([
    import('./generation.ts'),
    import('../contracts/settings.ts'),
    import('../lib/log.ts'),
    import('./module-host/load-modules.ts').then(({ loadModules }) => loadModules()),
    import('./rehearsal.ts').then(({ rehearse }) => rehearse()),
  ])

async function importApp(): Promise<App> {
  const started = performance.now()
  // While our files are imported the connection is made.
  const early = createConnection(process.env['KSI_RUNNER_HOST_SOCKET'] ?? '/nonexistent').on('error', () => {})
  await preload?.refresh()
  const [{ goLive, standBy }, { readSettings }, { createLog }, modules] = await importOurs()
  const imported = performance.now() - started
  const settings = readSettings(process.env)
  const log = createLog('daemon', settings.KSI_LOG_LEVEL)
  const links = standBy(settings, log, early)
  tell({
    type: 'standby',
    phases: {
      import: Math.round(imported * 10) / 10,
      standby: Math.round((performance.now() - started - imported) * 10) / 10,
    },
  })
  return { goLive, standBy, settings, log, links, modules }
}

/** It cannot go on: its end is a crash, and the next one goes on from the journal. */
function end(why: string): void {
  process.stderr.write(`Error: ${why}.\n`)
  process.exit(1)
}

async function activate(message: Message<'activate'>): Promise<void> {
  try {
    const app = await boot
    if (app === undefined) throw new Error('activated before it was booted')
    const { settings, log } = app
    // One that takes the journal back has let its connections go.
    const links = app.links ?? app.standBy(settings, log)
    app.links = undefined
    const onTrouble = (error: Error): void => {
      log.error({ err: error }, error.message)
      tell({ type: 'troubled', error: report(error) })
    }
    const modules = { modules: app.modules, onTrouble }
    const onCondition = (condition: Condition): void => tell({ type: 'condition', ...condition })
    const onSyncing = (syncing: boolean): void => tell({ type: 'syncing', syncing })
    live = await app.goLive({ settings, log, stream, links, modules, onCondition, onSyncing, end }, message)
    tell(live.live)
  } catch (error) {
    tell({ type: 'failed', error: report(error) })
  }
}

async function retire(message: Message<'retire'>): Promise<void> {
  try {
    await live?.prepare()
    live?.retire(message)
    live = undefined
    tell({ type: 'retired' })
    // What was compiled helps those that come later, and here is all that a generation runs. Writing it takes up to
    // 150 ms: one that is parked keeps nobody waiting for it, and a live one would.
    setTimeout(() => live === undefined && flushCompileCache(), 300)
  } catch (error) {
    tell({ type: 'failed', error: report(error) })
  }
}

process.on('message', (message: ToGeneration) => {
  switch (message.type) {
    case 'boot':
      boot = importApp()
      boot.catch((error: unknown) => tell({ type: 'failed', error: report(error) }))
      return
    case 'activate':
      void activate(message)
      return
    case 'retire':
      void retire(message)
      return
    case 'failure':
      return live?.failure(message.failure)
    case 'phases':
      return live?.phases(message.phases)
    case 'ping':
      return tell({ type: 'pong' })
    case 'end':
      // No close of the journal: the last close would take the WAL away from readers on a read-only mount.
      process.exit(0)
  }
})

const leave = async (): Promise<void> => {
  try {
    await live?.prepare()
    live?.retire({ type: 'retire', reason: 'shutdown', files: [] })
  } finally {
    process.exit(0)
  }
}
// The supervisor is gone: nobody must be left behind, and nothing lost.
process.on('disconnect', () => void leave())
process.on('SIGTERM', () => void leave())

tell({ type: 'spare' })
await warmUp(() => boot !== undefined)
if (boot === undefined) {
  await preload?.begin(importOurs)
  if (boot === undefined) collectGarbage()
}
