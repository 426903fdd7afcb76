import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { parseObject } from '../lib/ndjson.ts'

/** Room for an id of 200 characters, whatever they are. */
const size = 2_048
/** Read and write, made when it is not there, never cut. */
const openFlags = constants.O_RDWR | constants.O_CREAT

/**
 * What is being worked on right now, noted in a file beside the journal: if the daemon dies of it, the next generation
 * knows its name, and no other stands under suspicion. A note is one write at a fixed place, not synced: it outlives
 * the death of a process, which is all it is for.
 */
export class Hand {
  readonly #path: string
  #fd: number
  readonly #epoch: number
  readonly #buffer = Buffer.alloc(size)
  #left: string | undefined
  #empty = true

  /** @param before the epoch of the generation before; another one's note says nothing of how that one ended */
  constructor(path: string, epoch: number, before: number) {
    this.#path = path
    this.#fd = openSync(path, openFlags, 0o600)
    readSync(this.#fd, this.#buffer, 0, size, 0)
    const end = this.#buffer.indexOf(0)
    const note = parseObject(this.#buffer.toString('utf8', 0, end === -1 ? size : end))
    this.#left = note?.['epoch'] === before && typeof note['request'] === 'string' ? note['request'] : undefined
    this.#epoch = epoch
  }

  /** The file may have been removed: what is noted from now on is in the one that is there. */
  reopen(): void {
    closeSync(this.#fd)
    this.#fd = openSync(this.#path, openFlags, 0o600)
  }

  /** The request the generation before had in hand when it ended. */
  left(): string | undefined {
    return this.#left
  }

  /** The generation before did not die of what it had in hand. */
  forgive(): void {
    this.#left = undefined
  }

  /** This request is being worked on from here on. */
  take(requestId: string): void {
    this.#write(JSON.stringify({ epoch: this.#epoch, request: requestId }))
    this.#empty = false
  }

  /** Nothing is being worked on any more. */
  clear(): void {
    if (!this.#empty) this.#write('{}')
    this.#empty = true
  }

  close(): void {
    closeSync(this.#fd)
  }

  #write(text: string): void {
    this.#buffer.fill(0)
    const length = this.#buffer.write(text, 0, size - 1, 'utf8')
    writeSync(this.#fd, this.#buffer, 0, length + 1, 0)
  }
}
