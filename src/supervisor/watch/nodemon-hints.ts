import { realpathSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { messageOf } from '../../lib/errors.ts'
import { sourceExtensions } from '../../lib/source-files.ts'

/** It reads its configuration first, for some ms. */
const startMs = 5_000

/**
 * Has nodemon say when files under `root` may have changed. What it does when it cannot go on, which is to end the
 * process, becomes a call of `onLost` with its reason. For a process of its own: nodemon sends its events up an IPC
 * channel if it sees one, which is why ours is put out of its sight, and there is one nodemon per process.
 * @throws Error when it does not start
 */
export async function hintByNodemon(
  root: string,
  on: { hint: () => void; lost: (why: string) => void },
): Promise<void> {
  let firstError = ''
  const lost = (error: unknown): void => {
    // Its word on why comes a tick later.
    setImmediate(() => {
      on.lost((firstError || messageOf(error)).replace(/^.*Internal watch failed: /, ''))
    })
  }
  process.exit = () => {
    throw new Error('it ended itself')
  }
  process.on('uncaughtException', lost)
  delete process.send
  const { default: nodemon } = await import('nodemon')
  const config = nodemon.config as unknown as { run: boolean; lastStarted: number }
  // With `runOnChangeOnly` nodemon starts no child as long as it has none started before.
  Object.defineProperty(config, 'lastStarted', { get: () => 0, set: () => {}, configurable: true })
  const options = {
    exec: 'true',
    script: '',
    runOnChangeOnly: true,
    // A root that is a link would be watched as the link.
    watch: [realpathSync(root)],
    ext: sourceExtensions.join(','),
    ignore: ['*.test.ts', '**/testing/**'],
    delay: 0,
    stdin: false,
    // Otherwise it may read our stdin for "rs".
    restartable: false as const,
    // Where links lead is looked after without it: it would go round in circles.
    watchOptions: { followSymlinks: false },
  }
  nodemon(options)
  // After the call: it begins by removing all listeners.
  nodemon.on('log', ({ type, message }) => {
    if (type === 'error') firstError ||= message
  })
  nodemon.on('restart', () => {
    on.hint()
    // It waits, with one more listener each time, for a start that does not come.
    nodemon.emit('start')
  })
  // It sets `run` in the turn in which it starts to watch.
  for (const until = performance.now() + startMs; !config.run; await wait(2)) {
    if (performance.now() > until) throw new Error(`nodemon did not start within ${startMs} ms`)
  }
}
