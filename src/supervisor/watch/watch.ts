import { watch as fsWatch } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { KsiError, messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { ChangeScanner } from './change-scanner.ts'
import type { WatchedChange } from './change-scanner.ts'
import { sourceExtensions } from './source-hashes.ts'

export type { WatchedChange } from './change-scanner.ts'

export interface WatchOptions {
  /** the source folder */
  root: string
  /** ask for changes instead of waiting for events: for file systems without inotify */
  poll: boolean
  log: Log
  onChange: (change: WatchedChange) => void
  /** Only looks now and then, until it is told to hurry: while a first generation boots there is better to do. */
  later?: boolean
}

export interface Watch {
  /** Sees changes at once from now on. Idempotent. */
  hurry(): void
  /** Whether it was told to hurry. */
  readonly isReady: boolean
  /** Whether a file (`src/daemon/x.ts`) holds what it held when the watch was made. */
  isAsStarted(file: string): boolean
  /** Ends it; resolves when no child, timer or watcher is left. Idempotent. */
  stop(): Promise<void>
}

/** Between two looks at all files, in ms, when polling. */
const pollMs = 100
/** It reads its configuration first, for some ms. */
const startMs = 5_000

/**
 * Watches the source folder: `onChange` is called for every save that changed content, however it was made. nodemon
 * says
 * when to look, the files' hashes say what changed. One per process, as nodemon is one per process.
 * @throws KsiError KSI_CONFIG_INVALID in a process with an IPC channel: nodemon would send its events up that channel
 */
export function startWatch(options: WatchOptions): Watch {
  const { root, poll, log, onChange } = options
  if (process.send !== undefined)
    throw new KsiError(
      'KSI_CONFIG_INVALID',
      'A process that watches must have no IPC channel. Start it with spawn and without "ipc".',
    )
  const scanner = new ChangeScanner({ root, prefix: basename(root), log, onChange })
  let signal: Promise<() => Promise<void>> | undefined
  let stopping: Promise<void> | undefined
  const hurry = (): void => {
    if (signal !== undefined || stopping !== undefined) return
    signal = startNodemon(root, poll || !canWatch(root, log), () => scanner.hint())
    signal.then(
      () => {
        log.info({ root, files: scanner.files }, 'watching')
        scanner.hasHints()
      },
      (error: unknown) =>
        log.error({ error: messageOf(error) }, 'nodemon did not start: changes are seen up to 2 s late'),
    )
  }
  const stop = async (): Promise<void> => {
    scanner.stop()
    await signal
      ?.then((stopNodemon) => stopNodemon())
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'nodemon did not stop'))
  }
  if (options.later !== true) hurry()
  return {
    hurry,
    get isReady() {
      return signal !== undefined
    },
    isAsStarted: (file) => scanner.isAsStarted(file),
    stop: () => (stopping ??= stop()),
  }
}

/** nodemon ends the whole process, silently, when the system has no watcher to give (EMFILE, ENOSPC). */
function canWatch(root: string, log: Log): boolean {
  try {
    fsWatch(root).close()
    return true
  } catch (error) {
    log.warn(
      { error: messageOf(error) },
      'no file watcher to be had: polling instead. Raise fs.inotify.max_user_instances or max_user_watches.',
    )
    return false
  }
}

/** Starts nodemon; resolves to what stops it. Loaded here, so that production never loads it. */
async function startNodemon(root: string, poll: boolean, onEvent: () => void): Promise<() => Promise<void>> {
  const { default: nodemon } = await import('nodemon')
  const config = nodemon.config as unknown as { run: boolean; lastStarted: number }
  // With `runOnChangeOnly` nodemon starts no child as long as it has none started before. Otherwise each of 100 files
  // of
  // a git checkout has it hunt the child of the last one with ps and kill: seen, half a second in which the front is
  // deaf.
  Object.defineProperty(config, 'lastStarted', { get: () => 0, set: () => {}, configurable: true })
  nodemon({
    exec: 'true',
    script: '',
    runOnChangeOnly: true,
    watch: [root],
    ext: sourceExtensions.join(','),
    ignore: ['*.test.ts', '**/testing/**'],
    delay: 0,
    quiet: true,
    stdin: false,
    // Otherwise it may read our stdin for "rs".
    restartable: false,
    legacyWatch: poll,
    pollingInterval: pollMs,
  })
  // After the call: it begins by removing all listeners.
  nodemon.on('restart', () => {
    onEvent()
    // It waits, with one more listener each time, for a start that does not come.
    nodemon.emit('start')
  })
  // It sets `run` in the turn in which it starts to watch; before that there would be nothing to stop.
  for (const until = performance.now() + startMs; !config.run; await wait(2)) {
    if (performance.now() > until) throw new Error(`nodemon did not start within ${startMs} ms`)
  }
  return async () => {
    await new Promise<void>((resolve) => nodemon.reset(resolve))
    // Handles are gone at the end of the turn after the one that closes them.
    await nextTurn()
    await nextTurn()
  }
}
