/** What a connection has subscribed to, as the front knows it. */
export class Subscription {
  /** data of its `monitor:subscribe`, as JSON; undefined: there is none */
  data: string | undefined
  /** last `seq` pushed; -1 when there is no subscription */
  cursor = -1
  /** the attached generation was told of it, and has not answered */
  isAsked = false

  get stands(): boolean {
    return this.data !== undefined && this.cursor >= 0
  }

  /** As the line it came with. */
  get asLine(): string {
    return `{"event":"monitor:subscribe","data":${this.data ?? '{}'}}`
  }

  /** It has seen everything up to `seq`; -1: there is none. */
  reached(seq: number): void {
    this.isAsked = false
    this.cursor = seq
    if (seq < 0) this.data = undefined
  }

  end(): void {
    this.reached(-1)
  }
}
