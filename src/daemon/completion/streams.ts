import type { EventData, EventReply, PushData, PushName } from '../../contracts/events.ts'
import type { NumberedChunk } from '../../contracts/runner.ts'
import type { FrameToFront, Standing, StreamPlace } from '../../contracts/relay.ts'
import { KsiError, messageOf } from '../../lib/errors.ts'
import { logDirOf, readRun } from '../../store/run-log/read-run.ts'
import type { RequestRun } from '../../store/runs.ts'
import type { JournalEvent } from '../../store/events.ts'
import type { Core } from '../core.ts'
import type { ConnectionListener } from '../wire/relay-server.ts'
import type { RunnerLinks } from './runner-links.ts'
import { describeRequest } from './status.ts'
import { Stream, StreamBook } from './stream-book.ts'

/** So long, in ms, a runner that does not answer just now is left alone. */
const againMs = 50
const perConnection = 1_000

/**
 * Follows the output of requests for connections: asks the runner that has it, run by run, and passes it on. Only as
 * much is asked for as the connection takes, and where it stands is known to the front, so that the next generation
 * goes on from there.
 */
export class Streams implements ConnectionListener {
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #book = new StreamBook()
  readonly #paused = new Set<number>()
  #send: (frame: FrameToFront) => boolean = () => true
  /** The relay has enough for now. */
  #full = false
  #closed = false

  constructor(core: Core, links: RunnerLinks) {
    this.#core = core
    this.#links = links
    const service = { service: 'completion' }
    core.router.on('completion:stream', (data, { connection }) => this.#open(data, connection?.id), service)
    core.router.on('completion:stop_stream', (data, { connection }) => this.#stop(data, connection?.id), service)
  }

  connect(send: (frame: FrameToFront) => boolean): void {
    this.#send = send
  }

  closed(connection: number): void {
    for (const stream of this.#book.ofConnection(connection)) this.#book.remove(stream)
    this.#paused.delete(connection)
  }

  paused(connection: number, paused: boolean): void {
    if (paused) this.#paused.add(connection)
    else this.#paused.delete(connection)
    if (!paused) for (const stream of this.#book.ofConnection(connection)) this.#pump(stream)
  }

  drained(): void {
    this.#full = false
    for (const stream of this.#book.all()) this.#pump(stream)
  }

  /** Goes on with the streams of a connection that another generation has served. */
  restore(connection: number, _seq: number, { streams }: Standing): void {
    for (const place of streams) this.#start(this.#add(connection, place))
  }

  /** A request has begun a run, or has its outcome. */
  follow(events: readonly JournalEvent[]): void {
    if (this.#book.isEmpty || this.#closed) return
    for (const { data } of events)
      if (typeof data.request_id === 'string')
        for (const stream of this.#book.ofRequest(data.request_id)) this.#pump(stream)
  }

  close(): void {
    this.#closed = true
    for (const stream of this.#book.all()) stream.takeBack?.()
  }

  #open(data: EventData<'completion:stream'>, connection: number | undefined): EventReply<'completion:stream'> {
    if (connection === undefined) throw new KsiError('KSI_BAD_REQUEST', 'completion:stream needs a connection')
    const { request_id, attempt, from } = data
    if (this.#core.requests.get(request_id) === undefined)
      throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${request_id}`)
    if (this.#book.ofConnection(connection).length >= perConnection)
      throw new KsiError('KSI_BAD_REQUEST', `A connection has at most ${perConnection} streams: open another one.`)
    this.#core.journal.afterCommit(() => {
      const stream = this.#add(connection, { request_id, attempt, offset: from })
      this.#tellPlace(stream, '')
      // After the reply: the first line on a connection is always the reply to its first request.
      setImmediate(() => this.#start(stream))
    })
    return { status: 'streaming', request_id, attempt, from }
  }

  #stop({ request_id }: { request_id: string }, connection: number | undefined): EventReply<'completion:stop_stream'> {
    const stream = this.#book.get(connection ?? -1, request_id)
    if (stream === undefined) return { status: 'not_streaming', request_id }
    this.#core.journal.afterCommit(() => this.#end(stream, ''))
    return { status: 'stopped', request_id }
  }

  #add(connection: number, place: StreamPlace): Stream {
    const stream = new Stream(connection, place)
    this.#book.add(stream)
    return stream
  }

  #start(stream: Stream): void {
    stream.started = this.#book.get(stream.connection, stream.requestId) === stream
    this.#pump(stream)
  }

  #mayGoOn({ started, connection }: Stream): boolean {
    return started && !this.#full && !this.#closed && !this.#paused.has(connection)
  }

  #pump(stream: Stream): void {
    if (stream.busy || !this.#mayGoOn(stream)) return
    const { run_id, runner_id } = (stream.run ??= this.#nextRun(stream)) ?? {}
    if (run_id === undefined) return this.#endIfDone(stream)
    const link = this.#links.get(runner_id ?? null)
    stream.busy = true
    if (link === undefined) return void this.#readFile(stream, run_id, runner_id ?? '')
    if (!link.ready) return this.#later(stream)
    stream.takeBack = link.read(run_id, stream.offset, (answer) => {
      stream.takeBack = undefined
      if (answer === undefined) return this.#later(stream)
      this.#pass(stream, answer.chunks)
      if (answer.next === 'unknown') return void this.#readFile(stream, run_id, runner_id ?? '')
      stream.busy = false
      if (answer.next === 'ended') stream.toRun(stream.attempt + 1)
      this.#pump(stream)
    })
  }

  /** What a runner that is no more, or that has handed it over, has written. */
  async #readFile(stream: Stream, runId: string, runnerId: string): Promise<void> {
    let complete = true
    try {
      const from = { runId, offset: stream.offset }
      for await (const piece of readRun(logDirOf(this.#core.settings.paths.runLogs, runnerId), from)) {
        complete = this.#mayGoOn(stream)
        if (!complete) break
        this.#pass(stream, piece)
      }
    } catch (error) {
      this.#core.log.error({ run_id: runId, error: messageOf(error) }, 'the output of a run could not be read')
    }
    stream.busy = false
    if (complete) stream.toRun(stream.attempt + 1)
    this.#pump(stream)
  }

  #later(stream: Stream): void {
    setTimeout(() => {
      stream.busy = false
      this.#pump(stream)
    }, againMs)
  }

  #nextRun(stream: Stream): RequestRun | undefined {
    const run = this.#core.journal.runs.ofRequest(stream.requestId, stream.attempt)
    if (run !== undefined && run.attempt !== stream.attempt) stream.toRun(run.attempt)
    return run
  }

  #pass(stream: Stream, chunks: readonly NumberedChunk[]): void {
    const { requestId, attempt } = stream
    for (const { offset, chunk } of chunks) {
      if (offset < stream.offset || !stream.started) continue
      stream.offset = offset + 1
      this.#tellPlace(stream, toLine('completion:delta', { request_id: requestId, attempt, offset, ...chunk }))
    }
  }

  /** Told only once it is on disk. */
  #endIfDone(stream: Stream): void {
    const row = this.#core.requests.get(stream.requestId)
    if (row !== undefined && row.finished_at === null) return
    stream.busy = true
    this.#core.journal.whenSynced(() => {
      if (!stream.started) return
      const line = row === undefined ? '' : toLine('completion:stream_end', describeRequest(this.#core, row.request_id))
      this.#end(stream, line)
    })
  }

  #end(stream: Stream, json: string): void {
    const { connection, requestId } = stream
    this.#book.remove(stream)
    this.#pushed({ kind: 'E', connection, stream: requestId, json })
  }

  #tellPlace({ connection, requestId, attempt, offset }: Stream, json: string): void {
    this.#pushed({ kind: 'D', connection, stream: requestId, attempt, offset, json })
  }

  #pushed(frame: FrameToFront): void {
    this.#full = !this.#send(frame)
  }
}

function toLine<N extends PushName>(event: N, data: PushData<N>): string {
  return JSON.stringify({ event, event_name: event, timestamp: Date.now() / 1000, data })
}
