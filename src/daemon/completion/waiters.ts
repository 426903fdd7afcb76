import type { RequestStatus } from '../../contracts/completion.ts'

/** Those who wait for the outcome of a request. */
export class Waiters {
  readonly #waiting = new Map<string, Map<NodeJS.Timeout, () => void>>()
  readonly #describe: (requestId: string) => RequestStatus | Promise<RequestStatus>

  constructor(describe: (requestId: string) => RequestStatus | Promise<RequestStatus>) {
    this.#describe = describe
  }

  /** Resolves with the request's status when it has an outcome, or after `limitMs` with its present one. */
  wait(requestId: string, limitMs: number): Promise<RequestStatus> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(requestId) ?? new Map<NodeJS.Timeout, () => void>()
      this.#waiting.set(requestId, waiting)
      const answer = (): void => {
        clearTimeout(timer)
        waiting.delete(timer)
        if (waiting.size === 0) this.#waiting.delete(requestId)
        resolve(this.#describe(requestId))
      }
      const timer = setTimeout(answer, limitMs)
      waiting.set(timer, answer)
    })
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
