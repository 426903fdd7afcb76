import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ksi } from './ksi.ts'

/** A debugger that speaks Node's inspector protocol, as an editor's does. */
export class Debugger {
  readonly #socket: WebSocket
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  /** Attaches to a process of this ksi, which was started with `NODE_OPTIONS=--inspect-port=0`. */
  static async attach(ksi: Ksi, pid: number): Promise<Debugger> {
    const seen = ksi.raw.length
    process.kill(pid, 'SIGUSR1')
    for (;;) {
      const address = ksi.raw.slice(seen).map((line) => /Debugger listening on (ws:\/\/[^"\\\s]+)/.exec(line)?.[1])
      const url = address.find((one) => one !== undefined)
      if (url !== undefined) return Debugger.#open(url)
      await delay(5)
    }
  }

  static async #open(url: string): Promise<Debugger> {
    const socket = new WebSocket(url)
    await once(socket, 'open')
    const attached = new Debugger(socket)
    attached.send('Debugger.enable')
    return attached
  }

  send(method: string, params: Record<string, unknown> = {}): void {
    this.#socket.send(JSON.stringify({ id: ++this.#lastId, method, params }))
  }

  /** Stops the process at its next line. */
  async pause(): Promise<void> {
    const paused = new Promise<void>((resolve) => {
      this.#socket.addEventListener('message', ({ data }) => String(data).includes('Debugger.paused') && resolve())
    })
    this.send('Debugger.pause')
    await paused
  }

  async detach(): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}
