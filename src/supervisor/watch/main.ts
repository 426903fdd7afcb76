/*
 * The process that watches the source folder: so that neither what nodemon does when it cannot go on nor the reading
 * of thousands of files is felt by those whose connections the supervisor holds. It may die at any moment; the next one
 * is told what was known.
 */
import type { FromWatch, ToWatch } from '../../contracts/watch.ts'
import { toWatch } from '../../contracts/watch.ts'
import { messageOf } from '../../lib/errors.ts'
import { ChangeScanner } from './change-scanner.ts'
import { hintByNodemon } from './nodemon-hints.ts'
import { keepContent } from './kept-source.ts'
import { problemOf } from './watch-problem.ts'
import type { SourceHashes } from '../../lib/source-hashes.ts'

/** Without events it is tried anew, by a new process, after so long, in ms: a limit may have been raised. */
const tryAgainMs = 60_000
/** nodemon's errors come up to so long, in ms, after its start. */
const settledMs = 300

const send = process.send?.bind(process)
const exit = process.exit.bind(process)
const tell = (message: FromWatch): void => {
  if (process.connected) send?.(message)
}

// A Ctrl-C in a terminal reaches all processes at once; only the supervisor decides when this one ends.
process.on('SIGINT', () => {})
process.on('disconnect', () => exit(0))
process.on('message', (message) => {
  const said = toWatch.parse(message)
  if (said.type === 'watch') watch(said)
  else tell({ type: 'pong' })
})

function watch({ root, poll, known, keep }: Extract<ToWatch, { type: 'watch' }>): void {
  let how: 'events' | 'polling' = 'polling'
  let lost: string | undefined
  let settled = poll
  let told = ''
  const tellState = (hashes: Pick<SourceHashes, 'count' | 'unreadable' | 'links'>): void => {
    if (!settled) return
    const state = { type: 'watching', how, files: hashes.count, problem: problemOf(lost, hashes) } as const
    const text = JSON.stringify({ ...state, files: 0 })
    if (text === told) return
    told = text
    tell(state)
  }
  const scanner = new ChangeScanner({
    root,
    known: new Map(known),
    onLook: tellState,
    onChange: ({ changed, removed, savedAt }) => {
      const now = Date.now()
      tell({ type: 'changed', changed, removed, saved_at: Math.min(savedAt ?? now, now) })
      // After it was told: nobody waits for it.
      if (keep !== undefined) setImmediate(() => keepContent(keep, root, changed))
    },
  })
  // First of all: what was saved while nobody watched.
  scanner.hint()
  if (keep !== undefined) setTimeout(() => keepContent(keep, root, known), settledMs)
  if (poll) return
  const onLost = (why: string): void => {
    if (lost !== undefined) return
    lost = why
    how = 'polling'
    settled = true
    scanner.hasHints = false
    setTimeout(() => exit(0), tryAgainMs)
  }
  setImmediate(() => {
    hintByNodemon(root, { hint: () => scanner.hint(), lost: onLost })
      .then(() => {
        if (lost !== undefined) return
        how = 'events'
        scanner.hasHints = true
        setTimeout(() => {
          settled = true
          scanner.hint()
        }, settledMs)
      })
      .catch((error: unknown) => onLost(messageOf(error)))
  })
}
