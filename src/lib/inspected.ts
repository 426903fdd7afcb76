import { readFileSync } from 'node:fs'

/** Longer than it takes from one look to the next, in ms. */
const ofLateMs = 3_000

/**
 * Whether a debugger is attached to a Node process, seen from outside: one that stands at a breakpoint cannot say so
 * itself. Node tells on stderr where its inspector listens; whether somebody is connected there, the system knows.
 */
export class Inspected {
  #port: number | undefined
  #seen = false
  readonly #listening = Promise.withResolvers<number>()
  #attachedAt = -Infinity

  /** A line of the process's stderr. */
  read(line: string): void {
    const port = /^Debugger listening on ws:\/\/\S*?:(\d+)\//.exec(line)?.[1]
    if (port !== undefined) {
      this.#port = Number(port)
      this.#listening.resolve(this.#port)
    }
    if (line.startsWith('Debugger attached')) this.#seen = true
    this.look()
  }

  get attached(): boolean {
    return this.look()
  }

  /** Whether somebody was connected at the last look, if that was lately: a process that ended cannot tell. */
  get wasOfLate(): boolean {
    return performance.now() - this.#attachedAt < ofLateMs
  }

  /** Is to be called every now and then. */
  look(): boolean {
    const attached = this.#port !== undefined && this.#seen && isConnected(this.#port)
    if (attached) this.#attachedAt = performance.now()
    return attached
  }

  /** Whether its inspector listens. */
  get isOpen(): boolean {
    return this.#port !== undefined
  }

  /** Where its inspector listens, once it does. */
  get listening(): Promise<number> {
    return this.#listening.promise
  }
}

/** Where the system does not tell, whoever was attached once counts as attached. */
function isConnected(port: number): boolean {
  const local = new RegExp(`^\\s*\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 01 `, 'm')
  try {
    return ['/proc/net/tcp', '/proc/net/tcp6'].some((file) => local.test(readFileSync(file, 'utf8')))
  } catch {
    return true
  }
}
