import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import type { WordLog } from '../../lib/plain-log.ts'

/** So many of them are remembered. */
const kept = 100
/** What a line looks like; one that was torn does not. */
const whole = /^[\da-f-]{36}$/

/**
 * The runners that have ended in peace. Noted in a file beside their sockets, since a generation that was away while
 * host and runners ended asks the next host: what such a runner was given and never read is to be run, not told as
 * lost. Trouble with the file is logged, not thrown: then it is told as lost.
 */
export class Drained {
  readonly #file: string
  readonly #log: WordLog
  #ids: readonly string[] = []

  constructor(file: string, log: WordLog) {
    this.#file = file
    this.#log = log
    this.#try('could not be read', () => {
      const lines = readFileSync(file, 'utf8').split('\n')
      this.#ids = lines.filter((line) => whole.test(line)).slice(-kept)
      if (lines.length > kept) writeFileSync(file, this.#ids.map((id) => `${id}\n`).join(''))
    })
  }

  get ids(): readonly string[] {
    return this.#ids
  }

  add(id: string): void {
    this.#ids = [...this.#ids.slice(1 - kept), id]
    this.#try('could not be noted for the next host', () => {
      mkdirSync(dirname(this.#file), { recursive: true })
      // What was torn before ends here.
      appendFileSync(this.#file, `\n${id}\n`)
    })
  }

  #try(what: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.#log.error({ err: error }, `which runners have ended in peace ${what}`)
    }
  }
}
