/*
 * A generation's process. It starts as a spare: dependencies imported, type stripping warm, none of our own code. A
 * save then costs only the import of our own files. So nothing of ours but the warm-up may be imported statically here,
 * types aside: it would be the code of before the save.
 */
import { flushCompileCache } from 'node:module'
import { Socket } from 'node:net'
import type { FromGeneration, ToGeneration } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { Log } from '../lib/log.ts'
import type { LiveGeneration, goLive, standBy } from './generation.ts'
import type { RunnerLinks } from './completion/runner-links.ts'
import { loadDependencies, warmUp } from './warm-up.ts'

type App = {
  goLive: typeof goLive
  standBy: typeof standBy
  settings: Settings
  log: Log
  links: RunnerLinks | undefined
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

let boot: Promise<App> | undefined
let live: LiveGeneration | undefined

async function importApp(message: Message<'boot'>): Promise<App> {
  const started = performance.now()
  const [{ goLive, standBy }, { readSettings }, { createLog }] = await Promise.all([
    import('./generation.ts'),
    import('../contracts/settings.ts'),
    import('../lib/log.ts'),
  ])
  const imported = performance.now() - started
  const settings = readSettings(process.env)
  const log = createLog('daemon', settings.KSI_LOG_LEVEL)
  const links = standBy(settings, log, message.runners)
  tell({
    type: 'standby',
    phases: {
      import: Math.round(imported * 10) / 10,
      standby: Math.round((performance.now() - started - imported) * 10) / 10,
    },
  })
  return { goLive, standBy, settings, log, links }
}

async function activate(message: Message<'activate'>): Promise<void> {
  try {
    const app = await boot
    if (app === undefined) throw new Error('activated before it was booted')
    const { settings, log } = app
    // One that takes the journal back has let its connections go.
    const links = app.links ?? app.standBy(settings, log, message.runners)
    app.links = undefined
    live = await app.goLive({ settings, log, stream, links }, message)
    tell(live.live)
    // What was compiled for this boot helps the next one.
    setTimeout(flushCompileCache, 500)
  } catch (error) {
    tell({ type: 'failed', phase: 'activate', error: report(error) })
  }
}

function retire(message: Message<'retire'>): void {
  try {
    const checkpoint = live?.retire(message) ?? null
    live = undefined
    tell({ type: 'retired', checkpoint })
  } catch (error) {
    tell({ type: 'failed', phase: 'activate', error: report(error) })
  }
}

process.on('message', (message: ToGeneration) => {
  switch (message.type) {
    case 'boot':
      boot = importApp(message)
      boot.catch((error: unknown) => tell({ type: 'failed', phase: 'import', error: report(error) }))
      return
    case 'activate':
      void activate(message)
      return
    case 'retire':
      return retire(message)
    case 'runners':
      return live?.runners(message.runners)
    case 'failure':
      return live?.failure(message.failure)
    case 'phases':
      return live?.phases(message.phases)
    case 'ping':
      return tell({ type: 'pong', n: message.n })
    case 'end':
      // No close of the journal: the last close would take the WAL away from readers on a read-only mount.
      process.exit(0)
  }
})

const leave = (): void => {
  try {
    live?.retire({ type: 'retire', reason: 'shutdown', files: [] })
  } finally {
    process.exit(0)
  }
}
// The supervisor is gone: nobody must be left behind, and nothing lost.
process.on('disconnect', leave)
process.on('SIGTERM', leave)

tell({ type: 'spare' })
await warmUp(() => boot !== undefined)
