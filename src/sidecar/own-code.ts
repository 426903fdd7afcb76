import { join } from 'node:path'
import { fromWatch } from '../contracts/watch.ts'
import type { ToWatch } from '../contracts/watch.ts'
import { KeptChild } from '../lib/kept-child.ts'
import type { Log } from '../lib/log.ts'
import { SourceHashes } from '../lib/source-hashes.ts'

/** The folders of the source that the sidecar's code is loaded from. */
const folders = new Set(['sidecar', 'client', 'contracts', 'lib', 'store'])
/** A watch that died is started again after so long, in ms. */
const againMs = 1_000
/** One that says nothing for so long, in ms, is ended, and another one started. */
const heartbeatMs = 5_000

interface OwnCodeOptions {
  /** the source folder */
  src: string
  /** look every now and then instead of waiting for events */
  poll: boolean
  env: NodeJS.ProcessEnv
  log: Log
  onChange: (files: string[]) => void
}

/**
 * Follows the code of this process, where nobody else does: in a container of its own. The process that looks is the
 * same as the supervisor's, so that what it does where files cannot be watched is the same too.
 */
export function followOwnCode({ src, poll, env, log, onChange }: OwnCodeOptions): { stop(): Promise<void> } {
  const known = new Map(new SourceHashes(src).accepted)
  const hear = (message: unknown): void => {
    const said = fromWatch.safeParse(message).data
    if (said?.type === 'watching' && said.problem !== null) log.warn(said.problem)
    if (said?.type !== 'changed') return
    for (const [path, hash] of said.changed) known.set(path, hash)
    for (const path of said.removed) known.delete(path)
    const files = [...said.changed.map(([path]) => path), ...said.removed]
    const mine = files.filter((path) => folders.has(path.split('/')[0] ?? ''))
    if (mine.length > 0) onChange(mine.map((path) => `src/${path}`))
  }
  const child = new KeptChild({
    path: join(src, 'supervisor/watch/main.ts'),
    env,
    onLine: (line) => log.debug({ line }, 'the watch says'),
    onMessage: hear,
    onStart: (started) => {
      started.send({ type: 'watch', root: src, poll, known: [...known] } satisfies ToWatch)
      started.watchHeartbeat(heartbeatMs, () => started.kill())
    },
    onEnd: () => againMs,
  })
  child.start()
  return { stop: () => child.stop(heartbeatMs, (running) => running.kill()) }
}
