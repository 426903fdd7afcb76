import type { RequestStatus } from '../../contracts/completion.ts'
import type { Core } from '../core.ts'
import { describeRequest } from './status.ts'

/** Those who wait for the outcome of a request. */
export class Waiters {
  readonly #core: Core
  readonly #waiting = new Map<string, Map<NodeJS.Timeout, () => void>>()

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Gives the request's status when it has an outcome, or after `limitMs` with its present one.
   * @throws KsiError KSI_NOT_FOUND
   */
  wait(requestId: string, limitMs: number): RequestStatus | Promise<RequestStatus> {
    const status = describeRequest(this.#core, requestId)
    if (status.completed_at !== null) return this.#describeSynced(requestId)
    return limitMs === 0 ? status : this.#outcome(requestId, limitMs)
  }

  #outcome(requestId: string, limitMs: number): Promise<RequestStatus> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(requestId) ?? new Map<NodeJS.Timeout, () => void>()
      this.#waiting.set(requestId, waiting)
      const answer = (): void => {
        clearTimeout(timer)
        waiting.delete(timer)
        if (waiting.size === 0) this.#waiting.delete(requestId)
        resolve(this.#describeSynced(requestId))
      }
      const timer = setTimeout(answer, limitMs)
      waiting.set(timer, answer)
    })
  }

  /** An outcome is told only once it is on disk: at once, if it is. */
  #describeSynced(requestId: string): RequestStatus | Promise<RequestStatus> {
    const status = describeRequest(this.#core, requestId)
    if (status.completed_at === null) return status
    let synced = false
    const { promise, resolve, reject } = Promise.withResolvers<RequestStatus>()
    this.#core.journal.whenSynced(() => {
      synced = true
      resolve(status)
    }, reject)
    return synced ? status : promise
  }

  /** The request has an outcome. */
  notify(requestId: string): void {
    const waiting = this.#waiting.get(requestId)
    if (waiting !== undefined) for (const answer of waiting.values()) answer()
  }

  /** Forgets all who wait, without an answer: the front sends their requests to the next generation. */
  close(): void {
    for (const waiting of this.#waiting.values()) for (const timer of waiting.keys()) clearTimeout(timer)
    this.#waiting.clear()
  }
}
