import type { FrameToFront, Standing, StreamPlace } from '../../contracts/relay.ts'

/** A frame for the connection's client. */
export type PushFrame = Extract<FrameToFront, { kind: 'P' | 'D' | 'E' }>

/** What a connection follows, as the front knows it: events, and the output of requests. */
export class Subscription {
  /** data of its `monitor:subscribe`, as JSON; undefined: there is none */
  data: string | undefined
  /** last `seq` pushed; -1 when there is no subscription */
  cursor = -1
  /** the attached generation was told of it, and has not answered */
  isAsked = false
  /** how far it has come with each stream, by request id */
  readonly #streams = new Map<string, StreamPlace>()

  get stands(): boolean {
    return this.#followsEvents || this.#streams.size > 0
  }

  get #followsEvents(): boolean {
    return this.data !== undefined && this.cursor >= 0
  }

  /** All of it, as the next generation is told of it. */
  get standing(): string {
    const events = this.#followsEvents ? `"events":${this.data},` : ''
    const streams: Standing['streams'] = [...this.#streams.values()]
    return `{${events}"streams":${JSON.stringify(streams)}}`
  }

  /** As the line it came with. */
  get asLine(): string {
    const [stream] = this.#streams.values()
    return this.data === undefined && stream !== undefined
      ? JSON.stringify({ event: 'completion:stream', data: { request_id: stream.request_id } })
      : `{"event":"monitor:subscribe","data":${this.data ?? '{}'}}`
  }

  /** Something is pushed: from here on it goes on with the next generation. */
  pushed(frame: PushFrame): void {
    const { kind } = frame
    if (kind === 'P') this.cursor = frame.seq
    else if (kind === 'E') this.#streams.delete(frame.stream)
    else this.#streams.set(frame.stream, { request_id: frame.stream, attempt: frame.attempt, offset: frame.offset })
  }

  /** It has seen everything up to `seq`; -1: there is none. */
  reached(seq: number): void {
    this.isAsked = false
    this.cursor = seq
    if (seq < 0) this.data = undefined
  }

  end(): void {
    this.#streams.clear()
    this.reached(-1)
  }
}
