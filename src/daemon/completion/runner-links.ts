import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { fromRunnerLine } from '../../contracts/runner.ts'
import type { FromRunnerLine, HeldRun, RunInput, ToRunnerLine } from '../../contracts/runner.ts'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { LineDecoder } from '../../lib/ndjson.ts'
import { HostLink } from './host-link.ts'

/** A run with its outcome. */
export type EndedRun = Pick<Extract<FromRunnerLine, { type: 'outcome' }>, 'run_id' | 'request_id' | 'outcome'>

/** What a runner tells its generation. */
export interface RunnerListener {
  /** Runs have ended: all that came in one piece. */
  outcomes(link: RunnerLink, ended: EndedRun[]): void
  progress(requestId: string, data: Record<string, unknown>): void
  /** The runner is reached (again): these are all the runs it holds. */
  welcomed(link: RunnerLink, runs: HeldRun[]): void
  refused(link: RunnerLink, runId: string, reason: string): void
  /** The runner host says this runner is no more. */
  gone(runnerId: string): void
}

const reconnectMs = 25
/** How long, in ms, what a runner that is no more has still said is waited for. */
const lastWordsMs = 500

type Address = Pick<RunnerAddress, 'id' | 'socket' | 'accepting'>

/** The connection to one runner. */
export class RunnerLink {
  readonly id: string
  accepting: boolean
  readonly #socketPath: string
  readonly #listener: () => RunnerListener
  readonly #log: Log
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #epoch: number | undefined
  #welcomed = false
  #closed = false
  #onWelcome: (() => void)[] = []
  /** Lines of this turn: one write carries them all. */
  #outgoing: string[] = []
  /** Outcomes of the piece that is being read. */
  #ended: EndedRun[] = []

  constructor(address: Address, listener: () => RunnerListener, log: Log) {
    this.id = address.id
    this.accepting = address.accepting
    this.#socketPath = address.socket
    this.#listener = listener
    this.#log = log
    this.#connect()
  }

  get ready(): boolean {
    return this.#welcomed
  }

  /**
   * Says that the generation with this epoch takes over. Resolves when the runner has told what it holds, or after
   * `limitMs`.
   */
  hello(epoch: number, limitMs: number): Promise<void> {
    this.#epoch = epoch
    if (this.#socket?.readyState === 'open') this.#send({ type: 'hello', epoch })
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs)
      this.#onWelcome.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  start(input: RunInput): void {
    if (this.#epoch !== undefined) this.#send({ type: 'start', epoch: this.#epoch, input })
  }

  abort(runId: string): void {
    if (this.#epoch !== undefined) this.#send({ type: 'abort', epoch: this.#epoch, run_id: runId })
  }

  /** The outcome of this run is in the journal: the runner may forget it. */
  committed(runId: string): void {
    this.#send({ type: 'committed', run_id: runId })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#flush()
    this.#socket?.destroy()
  }

  /** Closes once everything the runner has said before it ended is read; then calls back. */
  finish(done: () => void): void {
    this.accepting = false
    const socket = this.#socket
    const end = (): void => {
      clearTimeout(timer)
      socket?.off('close', end)
      this.close()
      done()
    }
    const timer = setTimeout(end, lastWordsMs)
    if (socket?.readyState === 'open' && this.#welcomed) socket.once('close', end)
    else end()
  }

  #connect(): void {
    const socket = createConnection(this.#socketPath)
    this.#socket = socket
    const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER, (line) => this.#onLine(line))
    socket.on('connect', () => {
      if (this.#epoch !== undefined) this.#send({ type: 'hello', epoch: this.#epoch })
    })
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk)
      this.#tellEnded()
    })
    socket.on('error', (error) => this.#log.debug({ runner: this.id, err: error }, 'runner connection failed'))
    socket.on('close', () => {
      this.#welcomed = false
      if (!this.#closed) this.#timer = setTimeout(() => this.#connect(), reconnectMs)
    })
  }

  #send(line: ToRunnerLine): void {
    if (this.#socket?.readyState !== 'open') return
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    this.#outgoing.push(`${JSON.stringify(line)}\n`)
  }

  #flush(): void {
    const lines = this.#outgoing.splice(0)
    if (lines.length > 0 && this.#socket?.readyState === 'open') this.#socket.write(lines.join(''))
  }

  #tellEnded(): void {
    if (this.#ended.length > 0 && !this.#closed) this.#listener().outcomes(this, this.#ended.splice(0))
  }

  #onLine(text: string): void {
    if (this.#closed) return
    let line: FromRunnerLine
    try {
      line = fromRunnerLine.parse(JSON.parse(text))
    } catch (error) {
      this.#log.error({ runner: this.id, err: error }, 'the runner sent a line that cannot be read')
      return
    }
    if (line.type === 'outcome') {
      this.#ended.push(line)
      return
    }
    // What is said is heard in its order.
    this.#tellEnded()
    switch (line.type) {
      case 'welcome':
        this.#welcomed = true
        this.#listener().welcomed(this, line.runs)
        for (const call of this.#onWelcome.splice(0)) call()
        return
      case 'progress':
        return this.#listener().progress(line.request_id, line.data)
      case 'refused':
        return this.#listener().refused(this, line.run_id, line.reason)
    }
  }
}

/** The connections to all runners the runner host names. */
export class RunnerLinks {
  readonly #links = new Map<string, RunnerLink>()
  readonly #log: Log
  /** Runners that are no more, whose last words are being read. */
  readonly #leaving = new Set<string>()
  #drained = new Set<string>()
  #closed = false
  #listener: RunnerListener | undefined
  #epoch: number | undefined
  #host: HostLink | undefined
  /** Runners that were asked for while the host had not yet said whether they live. */
  #unknown: Set<string> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Who hears what the runners say. They say nothing before `hello`. */
  listen(listener: RunnerListener): void {
    this.#listener = listener
  }

  /** From now on the runner host at this socket says which runners there are. */
  follow(socket: string): void {
    this.#unknown = new Set()
    this.#host = new HostLink({
      socket,
      log: this.#log,
      onList: ({ runners, drained }) => this.update(runners, drained),
    })
  }

  /** Takes over the host's list: new runners are connected to, missing ones are gone. */
  update(addresses: readonly Address[], drained: readonly string[] = []): void {
    this.#drained = new Set(drained)
    const named = new Set(addresses.map(({ id }) => id))
    for (const [id, link] of this.#links) {
      if (named.has(id) || this.#leaving.has(id)) continue
      this.#leaving.add(id)
      link.finish(() => {
        this.#links.delete(id)
        this.#leaving.delete(id)
        if (!this.#closed) this.#listener?.gone(id)
      })
    }
    for (const address of addresses) {
      const known = this.#links.get(address.id)
      if (known !== undefined) {
        known.accepting = address.accepting
        continue
      }
      const link = new RunnerLink(address, () => this.#heard(), this.#log)
      this.#links.set(address.id, link)
      if (this.#epoch !== undefined) void link.hello(this.#epoch, 0)
    }
    const asked = this.#unknown ?? []
    this.#unknown = undefined
    for (const id of asked) if (!named.has(id)) this.#listener?.gone(id)
  }

  /** Whether the host has not yet said which runners there are: then this one may live. It is told when it does not. */
  isUnknown(id: string): boolean {
    this.#unknown?.add(id)
    return this.#unknown !== undefined
  }

  /** Takes over from the generation before; resolves once every runner has told what it holds, or after `limitMs`. */
  async hello(epoch: number, limitMs: number): Promise<void> {
    this.#epoch = epoch
    if (this.#unknown !== undefined) await this.#host?.known(limitMs)
    await Promise.all([...this.#links.values()].map((link) => link.hello(epoch, limitMs)))
  }

  /** The runner that takes new work, if it can be reached. */
  accepting(): RunnerLink | undefined {
    for (const link of this.#links.values()) if (link.accepting && link.ready) return link
    return undefined
  }

  /**
   * Whether this runner has ended in peace: it holds nothing, and has never read what it was given without an outcome.
   */
  hasDrained(id: string): boolean {
    return this.#drained.has(id)
  }

  /** The runner with this id, if it lives as far as the host knows. */
  get(id: string | null): RunnerLink | undefined {
    return id === null ? undefined : this.#links.get(id)
  }

  #heard(): RunnerListener {
    if (this.#listener === undefined) throw new KsiError('KSI_INTERNAL', 'a runner speaks before anybody listens')
    return this.#listener
  }

  close(): void {
    this.#closed = true
    this.#host?.close()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }
}
