import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { toRunnerLine } from '../contracts/runner.ts'
import type { FromRunnerLine, ToRunnerLine } from '../contracts/runner.ts'
import { checkSocketPath } from '../lib/socket-path.ts'
import type { Log } from '../lib/log.ts'
import { listenOnSocketFile } from '../lib/socket-file.ts'
import { LineDecoder, parseObject } from '../lib/ndjson.ts'
import type { Runs } from './runs.ts'

export interface ServerOptions {
  /** The Unix socket's path; a file that is there already is replaced. */
  socket: string
  runnerId: string
  runs: Runs
  log: Log
  maxLineBytes: number
}

export interface RunnerServer {
  /** Cuts all connections and removes the socket's file. */
  close(): Promise<void>
}

/** Progress is left out for a generation that does not read; outcomes never are. */
const maxWaitingBytes = 1024 * 1024

/**
 * Serves generations on a Unix socket (contracts/runner.ts). Only the one that said hello with the highest epoch is
 * told anything, and only it can start and abort.
 * @throws KsiError KSI_SOCKET_PATH_TOO_LONG; the system's own error when it cannot listen
 */
export async function startServer(options: ServerOptions): Promise<RunnerServer> {
  const { socket: path, runs, log } = options
  checkSocketPath(path)
  const generations = new GenerationServer(options)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    generations.take(socket)
  })
  await listenOnSocketFile(server, path)
  server.on('error', (error) => log.error({ err: error }, 'the runner socket has an error'))
  runs.tellTo((line) => generations.tell(line))
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    runs.tellTo(() => {})
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    rmSync(path, { force: true })
  }
  return { close: () => (closed ??= close()) }
}

/** Knows which generation is the newest, tells it of its runs, and does what its lines say. */
class GenerationServer {
  readonly #options: ServerOptions
  #epoch = Number.NEGATIVE_INFINITY
  #listener: Socket | undefined
  /** What takes back the questions for chunks of a connection. */
  readonly #reads = new WeakMap<Socket, Map<number, () => void>>()

  constructor(options: ServerOptions) {
    this.#options = options
  }

  take(socket: Socket): void {
    const { log, maxLineBytes } = this.#options
    const decoder = new LineDecoder(
      maxLineBytes,
      (text) => this.#read(socket, text),
      () => log.error({ maxLineBytes }, 'a line to the runner was too long and is ignored'),
    )
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    // What a broken connection means is said by 'close'.
    socket.on('error', (error) => log.debug({ err: error }, 'a connection to the runner broke'))
    socket.on('close', () => {
      for (const takeBack of this.#reads.get(socket)?.values() ?? []) takeBack()
      if (this.#listener !== socket) return
      this.#listener = undefined
    })
  }

  tell(line: FromRunnerLine): void {
    const listener = this.#listener
    if (!listener || (line.type === 'progress' && listener.writableLength > maxWaitingBytes)) return
    send(listener, line)
  }

  #read(socket: Socket, text: string): void {
    const parsed = toRunnerLine.safeParse(parseObject(text))
    if (parsed.success) this.#act(socket, parsed.data)
    else
      this.#options.log.error(
        { line: text.slice(0, 200), problem: parsed.error.issues[0] },
        'a line to the runner is not valid and is ignored',
      )
  }

  #act(socket: Socket, line: ToRunnerLine): void {
    const { runs } = this.#options
    switch (line.type) {
      case 'hello':
        return this.#welcome(socket, line.epoch)
      case 'start': {
        const { run_id } = line.input
        const reason = this.#isStale(line.epoch) ? 'stale epoch' : runs.start(line.input)
        if (reason !== undefined) send(socket, { type: 'refused', run_id, reason })
        return
      }
      case 'abort':
        if (this.#isStale(line.epoch)) send(socket, { type: 'refused', run_id: line.run_id, reason: 'stale epoch' })
        else runs.abort(line.run_id)
        return
      case 'committed':
        return runs.committed(line.run_id)
      case 'read':
        return this.#onRead(socket, line)
      case 'unread':
        this.#reads.get(socket)?.get(line.id)?.()
        this.#reads.get(socket)?.delete(line.id)
        return
      case 'providers':
        return send(socket, { type: 'providers', providers: runs.providers() })
    }
  }

  #onRead(socket: Socket, { id, run_id, from }: Extract<ToRunnerLine, { type: 'read' }>): void {
    const reads = this.#reads.get(socket) ?? new Map<number, () => void>()
    this.#reads.set(socket, reads)
    let answered = false
    const takeBack = this.#options.runs.readers.read(run_id, from, (answer) => {
      answered = true
      reads.delete(id)
      send(socket, { type: 'chunks', id, ...answer })
    })
    if (!answered) reads.set(id, takeBack)
  }

  #welcome(socket: Socket, epoch: number): void {
    const { runnerId, runs, log } = this.#options
    if (this.#isStale(epoch)) {
      // Not told what is held: it would take what a newer generation has begun for its own.
      log.warn({ epoch, newest: this.#epoch }, 'a generation said hello with a stale epoch; its connection is closed')
      socket.destroy()
      return
    }
    this.#listener = socket
    const held = runs.held()
    log.debug({ epoch, runs: held.length }, 'a generation took over')
    send(socket, { type: 'welcome', runner_id: runnerId, runs: held })
  }

  /** True for an epoch lower than the highest seen, which it becomes if it is higher. */
  #isStale(epoch: number): boolean {
    if (epoch < this.#epoch) return true
    this.#epoch = epoch
    return false
  }
}

function send(socket: Socket, line: FromRunnerLine): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
}
