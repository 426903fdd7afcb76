import { once } from 'node:events'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { isObject, parseObject } from '../lib/ndjson.ts'
import type { Data } from './wire-client.ts'

interface Target {
  id: string
  webSocketDebuggerUrl: string
}

/** A debugger: what an editor does that attaches to a port. */
export class Debugger {
  /** Events by name, in the order in which they came. */
  readonly events: { method: string; params: Data }[] = []
  /** Resolves when the connection is cut. */
  readonly closed: Promise<unknown>
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (result: Data) => void>()
  #last = 0
  #wake = (): void => {}

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = once(socket, 'close')
    socket.addEventListener('message', ({ data }) => this.#hear(String(data)))
  }

  /** Attaches; as editors do, again when the code changed hands just then. */
  static async attach(port: number): Promise<Debugger> {
    for (let tries = 1; ; tries++) {
      try {
        return await Debugger.#attachOnce(port)
      } catch (error) {
        if (tries === 10) throw error
        await delay(100)
      }
    }
  }

  /** Asks who is there, as editors do, and attaches to it at the address it was told. */
  static async #attachOnce(port: number): Promise<Debugger> {
    const asked = get({ host: '127.0.0.1', port, path: '/json/list', agent: false })
    const [reply] = (await once(asked, 'response')) as [IncomingMessage]
    const [target] = JSON.parse(await text(reply)) as Target[]
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '')
    const attached = new Debugger(socket)
    await once(socket, 'open')
    const enabled = Promise.all([attached.send('Runtime.enable'), attached.send('Debugger.enable')])
    const cut = attached.closed.then(() => Promise.reject(new Error('the connection was cut')))
    await Promise.race([enabled, cut])
    return attached
  }

  send(method: string, params: Data = {}): Promise<Data> {
    const id = ++this.#last
    this.#socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  /** What an expression is worth there. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.send('Runtime.evaluate', { expression, returnByValue: true })
    return isObject(result) ? result['value'] : undefined
  }

  /** The first event of this name that has not been taken yet. */
  async next(method: string): Promise<Data> {
    for (;;) {
      const at = this.events.findIndex((event) => event.method === method)
      if (at !== -1) return this.events.splice(at, 1)[0]?.params ?? {}
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #hear(text: string): void {
    const { id, method, result, error, params } = parseObject(text) ?? {}
    if (typeof id === 'number') this.#waiting.get(id)?.((result ?? error ?? {}) as Data)
    if (typeof method === 'string') this.events.push({ method, params: params as Data })
    this.#wake()
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}
