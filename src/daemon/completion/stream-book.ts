import type { StreamPlace } from '../../contracts/relay.ts'
import type { RequestRun } from '../../store/runs.ts'

/** A connection that follows the output of a request. */
export class Stream {
  readonly connection: number
  readonly requestId: string
  /** the run it is in, and the next chunk it wants of it */
  attempt: number
  offset: number
  run: RequestRun | undefined
  /** a question for chunks is out, or a file is being read */
  busy = false
  takeBack: (() => void) | undefined
  /** false until the reply to its request is out, and once it is over */
  started = false

  constructor(connection: number, place: StreamPlace) {
    this.connection = connection
    this.requestId = place.request_id
    this.attempt = place.attempt
    this.offset = place.offset
  }

  /** It has all of this run. */
  toRun(attempt: number): void {
    this.run = undefined
    this.attempt = attempt
    this.offset = 0
  }
}

/** All streams, by connection and by request. A connection has at most one of a request. */
export class StreamBook {
  readonly #byConnection = new Map<number, Map<string, Stream>>()
  readonly #byRequest = new Map<string, Set<Stream>>()

  /** Takes it in, in the place of one of the same request. */
  add(stream: Stream): void {
    const { connection, requestId } = stream
    const before = this.get(connection, requestId)
    if (before !== undefined) this.remove(before)
    const ofConnection = this.#byConnection.get(connection) ?? new Map<string, Stream>()
    this.#byConnection.set(connection, ofConnection.set(requestId, stream))
    const ofRequest = this.#byRequest.get(requestId) ?? new Set()
    this.#byRequest.set(requestId, ofRequest.add(stream))
  }

  remove(stream: Stream): void {
    const { connection, requestId } = stream
    stream.takeBack?.()
    stream.started = false
    const ofConnection = this.#byConnection.get(connection)
    if (ofConnection?.get(requestId) === stream) ofConnection.delete(requestId)
    if (ofConnection?.size === 0) this.#byConnection.delete(connection)
    const ofRequest = this.#byRequest.get(requestId)
    ofRequest?.delete(stream)
    if (ofRequest?.size === 0) this.#byRequest.delete(requestId)
  }

  get(connection: number, requestId: string): Stream | undefined {
    return this.#byConnection.get(connection)?.get(requestId)
  }

  ofConnection(connection: number): Stream[] {
    return [...(this.#byConnection.get(connection)?.values() ?? [])]
  }

  ofRequest(requestId: string): Stream[] {
    return [...(this.#byRequest.get(requestId) ?? [])]
  }

  all(): Stream[] {
    return [...this.#byRequest.values()].flatMap((streams) => [...streams])
  }

  get isEmpty(): boolean {
    return this.#byRequest.size === 0
  }
}
