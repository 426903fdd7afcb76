import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { fromRunnerLine } from '../../contracts/runner.ts'
import type { FromRunnerLine, HeldRun, RunInput, ToRunnerLine } from '../../contracts/runner.ts'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import type { ProviderState } from '../../contracts/providers.ts'
import { KsiError } from '../../lib/errors.ts'
import { startAwakeTimer } from '../../lib/awake-timer.ts'
import type { Log } from '../../lib/log.ts'
import { LineDecoder } from '../../lib/ndjson.ts'

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

/** The answer to a question for chunks; undefined when the runner was lost. */
export type ChunksAnswer = Pick<Extract<FromRunnerLine, { type: 'chunks' }>, 'chunks' | 'next'> | undefined

const reconnectMs = 25
/** How long, in ms, an answer is waited for. */
const answerMs = 1_000
/** How long, in ms, what a runner that is no more has still said is waited for. */
const lastWordsMs = 500

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
  #onProviders: ((states: ProviderState[]) => void)[] = []
  /** Lines of this turn: one write carries them all. */
  #outgoing: string[] = []
  /** Outcomes of the piece that is being read. */
  #ended: EndedRun[] = []
  #lastRead = 0
  readonly #reads = new Map<number, (answer: ChunksAnswer) => void>()

  constructor(address: Pick<RunnerAddress, 'id' | 'socket' | 'accepting'>, listener: () => RunnerListener, log: Log) {
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
    // The generation has a lot to do before this turn of its event loop ends.
    this.#flush()
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

  /**
   * Asks for the chunks of a run from an offset on; answered once, when there are any or no more come.
   * @returns what takes the question back
   */
  read(runId: string, from: number, answer: (answer: ChunksAnswer) => void): () => void {
    const id = ++this.#lastRead
    this.#reads.set(id, answer)
    this.#send({ type: 'read', id, run_id: runId, from })
    return () => {
      if (this.#reads.delete(id)) this.#send({ type: 'unread', id })
    }
  }

  /** How its providers stand. @throws KsiError KSI_TIMEOUT when it does not say */
  providers(): Promise<ProviderState[]> {
    const { promise, resolve, reject } = Promise.withResolvers<ProviderState[]>()
    const timer = setTimeout(
      () =>
        reject(new KsiError('KSI_TIMEOUT', `The runner did not say within ${answerMs} ms how its providers stand.`)),
      answerMs,
    )
    this.#onProviders.push((states) => {
      clearTimeout(timer)
      resolve(states)
    })
    this.#send({ type: 'providers' })
    return promise
  }

  close(): void {
    this.#closed = true
    this.#reads.clear()
    clearTimeout(this.#timer)
    this.#flush()
    this.#socket?.destroy()
    // Nothing more is to be heard: who waits for a welcome waits for nothing.
    for (const call of this.#onWelcome.splice(0)) call()
  }

  /** Closes once everything the runner has said before it ended is read; then calls back. */
  finish(done: () => void): void {
    this.accepting = false
    const socket = this.#socket
    const end = (): void => {
      timer.stop()
      socket?.off('close', end)
      this.close()
      done()
    }
    // After a standstill of the machine what was said lies unread: only time in which it could be read counts.
    const timer = startAwakeTimer(lastWordsMs, end)
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
      for (const [id, answer] of this.#reads) if (this.#reads.delete(id)) answer(undefined)
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
    if (line.type === 'chunks') {
      const answer = this.#reads.get(line.id)
      this.#reads.delete(line.id)
      return answer?.(line)
    }
    // What is said is heard in its order.
    this.#tellEnded()
    switch (line.type) {
      case 'welcome':
        this.#welcomed = true
        this.#listener().welcomed(this, line.runs)
        for (const call of this.#onWelcome.splice(0)) call()
        return
      case 'providers':
        for (const tell of this.#onProviders.splice(0)) tell(line.providers)
        return
      case 'progress':
        return this.#listener().progress(line.request_id, line.data)
      case 'refused':
        return this.#listener().refused(this, line.run_id, line.reason)
    }
  }
}
