import type { Duplex } from 'node:stream'
import { fromGeneration } from '../../contracts/control.ts'
import type { FromGeneration, SupervisorStatus, ToGeneration } from '../../contracts/control.ts'
import { KsiError } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import { startChild } from '../children/child.ts'
import type { Child, ChildEnd } from '../children/child.ts'

type Type = FromGeneration['type']

/** Why a generation did not get where it was sent: what it said itself, how it ended, or that it took too long. */
export class GenerationError extends Error {
  readonly code: string | undefined
  /** The generation itself says so, and lives. */
  readonly said: boolean
  /** Somebody outside killed it, which says nothing of its code. */
  readonly killed: boolean
  constructor(
    message: string,
    options: { code?: string | undefined; stack?: string | undefined; said?: boolean; killed?: boolean } = {},
  ) {
    super(message)
    this.said = options.said ?? false
    this.killed = options.killed ?? false
    this.name = 'GenerationError'
    this.code = options.code
    if (options.stack !== undefined) this.stack = options.stack
  }
}

/** A generation's process, from spare to its end. */
export class GenerationProcess {
  readonly child: Child
  /** The last error nobody caught, or word nobody understood. */
  trouble: SupervisorStatus['trouble'] = null
  #waiting: { type: Type; resolve: (message: FromGeneration) => void; reject: (error: Error) => void } | undefined
  #early: FromGeneration[] = []
  #missedPings = 0
  #heartbeat: NodeJS.Timeout | undefined

  constructor(path: string, options: { env: NodeJS.ProcessEnv; onLine: (line: string) => void }) {
    this.child = startChild(path, { ...options, extraPipe: true })
    this.stream.on('error', () => {})
    this.child.process.on('message', (message) => {
      const parsed = fromGeneration.safeParse(message)
      if (parsed.success) this.#onMessage(parsed.data)
      else this.#onUnknown(message)
    })
    void this.child.ended.then((end) => {
      clearInterval(this.#heartbeat)
      this.#waiting?.reject(new GenerationError(...describeDeath(end)))
    })
  }

  /** The relay: file descriptor 4 of the process. */
  get stream(): Duplex {
    const stream = this.child.process.stdio[4]
    if (!stream) throw new KsiError('KSI_INTERNAL', 'the generation has no relay')
    return stream as unknown as Duplex
  }

  send(message: ToGeneration): void {
    if (this.child.process.connected) this.child.process.send(message)
  }

  /**
   * Waits for the next message of this type.
   * @throws GenerationError when the generation says it failed, ends, or is silent for `limitMs`
   */
  async expect<T extends Type>(type: T, limitMs: number): Promise<Extract<FromGeneration, { type: T }>> {
    const early = this.#early.findIndex((message) => message.type === type)
    if (early !== -1) return this.#early.splice(early, 1)[0] as Extract<FromGeneration, { type: T }>
    if (!this.child.alive) throw new GenerationError(...describeDeath(await this.child.ended))
    let timer: NodeJS.Timeout | undefined
    try {
      return (await new Promise<FromGeneration>((resolve, reject) => {
        this.#waiting = { type, resolve, reject }
        timer = setTimeout(
          () =>
            reject(
              new GenerationError(`no "${type}" within ${limitMs} ms: an endless loop, or a wait that never ends`, {
                code: 'KSI_TIMEOUT',
              }),
            ),
          limitMs,
        )
      })) as Extract<FromGeneration, { type: T }>
    } finally {
      clearTimeout(timer)
      this.#waiting = undefined
    }
  }

  /** Pings it from now on; `onSilent` is called when nothing has come back for `limitMs`. */
  watchHeartbeat(limitMs: number, onSilent: () => void): void {
    clearInterval(this.#heartbeat)
    this.#missedPings = 0
    const pings = 5
    let n = 0
    this.#heartbeat = setInterval(() => {
      if (this.#missedPings >= pings) {
        clearInterval(this.#heartbeat)
        onSilent()
        return
      }
      this.#missedPings += 1
      this.send({ type: 'ping', n: n++ })
    }, limitMs / pings)
  }

  stopHeartbeat(): void {
    clearInterval(this.#heartbeat)
  }

  /** A save can change what generations say; the supervisor still knows what it knew when it was started. */
  #onUnknown(message: unknown): void {
    const error = new GenerationError(
      `it sent a message (${typeOf(message)}) that this supervisor does not know. Restart ksi if supervisor and daemon were changed together.`,
    )
    if (this.#waiting === undefined) this.trouble = { error: { message: error.message }, at: Date.now() }
    else this.#waiting.reject(error)
  }

  #onMessage(message: FromGeneration): void {
    this.#missedPings = 0
    if (message.type === 'pong') return
    if (message.type === 'troubled') {
      this.trouble = { error: message.error, at: Date.now() }
      return
    }
    if (message.type === 'failed') {
      const { error } = message
      this.#waiting?.reject(new GenerationError(error.message, { ...error, said: true }))
      return
    }
    if (this.#waiting?.type === message.type) this.#waiting.resolve(message)
    else this.#early.push(message)
  }
}

/** What of a message says which one it is. */
function typeOf(message: unknown): string {
  return isObject(message) && typeof message.type === 'string' ? `"${message.type.slice(0, 100)}"` : 'without a type'
}

function describeDeath({
  code,
  signal,
  stderr,
  killedFromOutside,
}: ChildEnd): [string, { stack: string; killed: boolean }] {
  const how = signal === null ? `ended with exit code ${String(code)}` : `was killed by ${signal}`
  return [`the process ${how}${headline(stderr)}`, { stack: stderr, killed: killedFromOutside }]
}

/** The line of a stack that says what happened, if there is one. */
function headline(stderr: string): string {
  const line = stderr.split('\n').find((text) => /^(\w*Error|Error)\b/.test(text))
  return line === undefined ? '' : `: ${line}`
}
