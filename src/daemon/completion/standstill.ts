import type { Core } from '../core.ts'
import type { RunnerLinks } from './runner-links.ts'

const lookMs = 1_000
/** So many looks in a row at which work waits and none begins, although there is room. */
const patience = 5
/** A sync that takes longer, in ms, is slow: replies wait for it. */
const slowSyncMs = 500
const triedBytes = 65_536
const waiting = 'starting requests'
const disk = 'the disk'

/** Looks, every second, whether what waits goes on, and whether the disk does its part. What does not is named. */
export class Standstill {
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #couldStart: () => boolean
  #idle = 0
  #lastBegun = -1
  #timer: NodeJS.Timeout | undefined

  /** @param couldStart whether a request waits for nothing but to be started */
  constructor(core: Core, links: RunnerLinks, couldStart: () => boolean) {
    this.#core = core
    this.#links = links
    this.#couldStart = couldStart
  }

  begin(): void {
    this.#timer = setInterval(() => this.look(), lookMs)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  look(): void {
    try {
      this.#lookAtQueue()
      this.#lookAtDisk()
    } catch (err) {
      this.#core.log.error({ err }, 'it could not be seen whether work goes on')
    }
  }

  #lookAtQueue(): void {
    const { journal, requests, troubles } = this.#core
    const begun = journal.runs.newest()
    const moves = begun !== this.#lastBegun || !this.#couldStart()
    this.#lastBegun = begun
    this.#idle = moves ? 0 : this.#idle + 1
    if (this.#idle === 0) troubles.well(waiting)
    if (this.#idle < patience) return
    const queued = requests.total('queued')
    const why = this.#links.accepting() === undefined ? this.#links.problem() : 'Why is not known: look into the log.'
    troubles.say(waiting, `${queued} ${queued === 1 ? 'request waits' : 'requests wait'}, and none begins. ${why}`)
  }

  /** There may be room again, and nobody who writes: as much as a request of some size takes. */
  #tryToWrite(): void {
    const { journal } = this.#core
    try {
      for (const text of ['x'.repeat(triedBytes), null]) journal.tx(() => journal.cursors.set('room', 0, text))
    } catch {
      // What is wrong is known.
    }
  }

  #lookAtDisk(): void {
    const { journal, troubles, settings } = this.#core
    const path = settings.paths.journal
    if (journal.disk.trouble !== undefined) this.#tryToWrite()
    const { trouble, syncMs } = journal.disk
    if (trouble !== undefined) return troubles.say(disk, `Nothing more can be kept: ${trouble.message}`, { path })
    if (syncMs < slowSyncMs) return troubles.well(disk)
    const took = `A sync of the journal takes ${Math.round(syncMs / 100) / 10} s, and every reply waits for one.`
    troubles.say(disk, took, { path, grave: false })
  }
}
