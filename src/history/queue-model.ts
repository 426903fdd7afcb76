/** A request that waits or runs. */
export interface ModelRequest {
  id: string
  /** 0 queued again, 1 INJECT, 2 ASYNC */
  rank: number
  /** seq of its acceptance */
  accepted: number
}

/** One conversation as it must behave: INJECT first, then in order of acceptance, one at a time. */
export class QueueModel {
  #waiting: ModelRequest[] = []
  #running: ModelRequest | undefined

  accept(request: ModelRequest): void {
    this.#waiting.push(request)
  }

  /** Back to the head of its conversation. @returns what is wrong, in words that follow the request's name */
  again(id: string): string | undefined {
    if (this.#running?.id !== id) return 'was queued again but was not running'
    this.#waiting.push({ ...this.#running, rank: 0 })
    this.#running = undefined
    return undefined
  }

  /** @returns what is wrong */
  start(id: string): string | undefined {
    const beside = this.#running
    this.#waiting.sort((a, b) => a.rank - b.rank || a.accepted - b.accepted)
    const at = this.#waiting.findIndex((request) => request.id === id)
    const first = this.#waiting[0]
    if (at >= 0) this.#running = this.#waiting.splice(at, 1)[0]
    if (beside !== undefined) return `was started while ${beside.id} was running`
    if (at === -1) return 'was started but was not queued'
    return at > 0 ? `was started before ${first?.id}` : undefined
  }

  /** @param hasRun whether it can only end so after it has run. @returns what is wrong */
  end(id: string, hasRun: boolean): string | undefined {
    if (this.#running?.id === id) {
      this.#running = undefined
      return undefined
    }
    const at = this.#waiting.findIndex((request) => request.id === id)
    if (at >= 0) this.#waiting.splice(at, 1)
    if (hasRun) return 'completed but was not running'
    return at === -1 ? 'ended but was neither queued nor running' : undefined
  }
}
