interface Queue<T> {
  items: T[]
  /** index of the first that waits */
  from: number
}

/**
 * What connections have sent and is not run yet. Each connection in its own order; among connections one of each in
 * turn, so that who sends a lot waits for itself.
 */
export class Turns<T> {
  readonly #queues = new Map<number, Queue<T>>()
  /** connections that have something to run, whose turn is next first */
  readonly #ready = new Set<number>()
  readonly #paused = new Set<number>()

  get isEmpty(): boolean {
    return this.#ready.size === 0
  }

  add(connection: number, item: T): void {
    const queue = this.#queues.get(connection)
    if (queue === undefined) this.#queues.set(connection, { items: [item], from: 0 })
    else queue.items.push(item)
    if (!this.#paused.has(connection)) this.#ready.add(connection)
  }

  /** While paused nothing of this connection comes up. */
  pause(connection: number, paused: boolean): void {
    if (paused) {
      this.#paused.add(connection)
      this.#ready.delete(connection)
    } else {
      this.#paused.delete(connection)
      if (this.#queues.has(connection)) this.#ready.add(connection)
    }
  }

  /** Takes the next one; undefined when nothing may be run. */
  next(): T | undefined {
    const connection = this.#ready.values().next().value
    if (connection === undefined) return undefined
    this.#ready.delete(connection)
    const queue = this.#queues.get(connection)
    const item = queue?.items[queue.from]
    if (queue === undefined || item === undefined) return undefined
    queue.from++
    if (queue.from === queue.items.length) this.#queues.delete(connection)
    else {
      if (queue.from >= 1_024) {
        queue.items.splice(0, queue.from)
        queue.from = 0
      }
      this.#ready.add(connection)
    }
    return item
  }
}
