import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeFrame, encodeFrame } from '../../../contracts/relay.ts'
import type { Frame, FrameToFront } from '../../../contracts/relay.ts'
import { silentLog } from '../../../lib/log.ts'
import { LineDecoder, isObject } from '../../../lib/ndjson.ts'
import { probe } from '../relay-link.ts'
import { startFront } from '../front.ts'
import type { Front, FrontOptions } from '../front.ts'

/** Things that come one by one and are waited for by what they look like. */
export class Inbox<T> {
  readonly all: T[] = []
  #waiting: { fits: (item: T) => boolean; resolve: (item: T) => void }[] = []
  #taken = new Set<T>()

  put(item: T): void {
    this.all.push(item)
    const index = this.#waiting.findIndex(({ fits }) => fits(item))
    if (index === -1) return
    this.#taken.add(item)
    this.#waiting.splice(index, 1)[0]?.resolve(item)
  }

  /** The next one that fits and that nobody took before. */
  next<S extends T>(fits: (item: T) => item is S): Promise<S>
  next(fits?: (item: T) => boolean): Promise<T>
  next(fits: (item: T) => boolean = () => true): Promise<T> {
    const there = this.all.find((item) => !this.#taken.has(item) && fits(item))
    if (there !== undefined) {
      this.#taken.add(there)
      return Promise.resolve(there)
    }
    return new Promise((resolve) => this.#waiting.push({ fits, resolve }))
  }
}

/** A client: what it is sent, parsed. */
export interface Client {
  socket: Socket
  inbox: Inbox<Record<string, unknown>>
  closed: Promise<void>
  send(request: unknown): void
  /** Sends a request and waits for the reply with its correlation id. */
  ask(event: string, data?: Record<string, unknown>): Promise<Record<string, unknown>>
}

export type RequestFrame = Extract<Frame, { kind: 'Q' }>

/** A generation whose frames the test reads and writes itself. */
export interface FakeGeneration {
  /** the front's end, for `attach` */
  stream: Socket
  far: Socket
  frames: Inbox<Frame>
  requests(): RequestFrame[]
  send(frame: FrameToFront): void
  reply(request: RequestFrame, data?: unknown): void
}

export interface Harness extends AsyncDisposable {
  front: Front
  dir: string
  answered: { event: string; data: Record<string, unknown> }[]
  client(where?: 'unix' | 'tcp'): Promise<Client>
  generation(): Promise<FakeGeneration>
}

/** A front on a socket in a temp dir and on any free port. */
export async function openFront(overrides: Partial<FrontOptions> = {}): Promise<Harness> {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-front-'))
  const answered: Harness['answered'] = []
  const sockets: Socket[] = []
  const front = await startFront({
    socketPath: join(dir, 'daemon.sock'),
    host: '127.0.0.1',
    port: 0,
    maxLineBytes: 1_048_576,
    maxConnections: 1_000,
    holdMs: 30_000,
    log: silentLog(),
    answer: (event, data) => {
      answered.push({ event, data })
      return { status: 'restarting' }
    },
    ...overrides,
  })
  return {
    front,
    dir,
    answered,
    client: async (where = 'unix') =>
      asClient(
        await open(sockets, where === 'unix' ? { path: front.socketPath } : { port: front.tcpPort, host: '127.0.0.1' }),
      ),
    generation: () => fakeGeneration(sockets, join(dir, `relay-${sockets.length}`)),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await front.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function open(sockets: Socket[], where: { path: string } | { port: number; host: string }): Promise<Socket> {
  const socket = connect(where)
  sockets.push(socket)
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return socket
}

function asClient(socket: Socket): Client {
  const inbox = new Inbox<Record<string, unknown>>()
  const decoder = new LineDecoder(134_217_728, (line) => inbox.put(JSON.parse(line)))
  socket.on('data', (chunk: Buffer) => decoder.push(chunk))
  const send = (request: unknown): void => {
    // What a test's generation answers first comes first, unless the test says otherwise.
    const line = isObject(request) ? { _unordered: true, ...request } : request
    socket.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)
  }
  let asked = 0
  return {
    socket,
    inbox,
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    send,
    ask: (event, data = {}) => {
      const id = `ask-${++asked}`
      send({ event, data, correlation_id: id })
      return inbox.next((line) => line['correlation_id'] === id)
    },
  }
}

/** Two ends of a real socket, as file descriptor 4 of a generation is one. */
async function fakeGeneration(sockets: Socket[], path: string): Promise<FakeGeneration> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const far = await open(sockets, { path })
  const stream = await accepted
  sockets.push(stream)
  server.close()
  const frames = new Inbox<Frame>()
  const decoder = new LineDecoder(134_217_728, (line) => {
    const frame = decodeFrame(line)
    if (frame === undefined) throw new Error(`no frame: ${line}`)
    // What the front asks for itself is none of a test's business.
    if (frame.kind === 'Q' && frame.relay === probe) far.write('R 0 0 {}\n')
    else frames.put(frame)
  })
  far.on('data', (chunk: Buffer) => decoder.push(chunk))
  const send = (frame: FrameToFront): void => {
    far.write(`${encodeFrame(frame)}\n`)
  }
  return {
    stream,
    far,
    frames,
    requests: () => frames.all.filter(isRequest),
    send,
    reply: (request, data = {}) => {
      const { event, correlation_id = null } = JSON.parse(request.json)
      const json = JSON.stringify({ event, data, count: 1, correlation_id, timestamp: 0 })
      send({ kind: 'R', connection: request.connection, relay: request.relay, json })
    },
  }
}

export function isRequest(frame: Frame): frame is RequestFrame {
  return frame.kind === 'Q'
}

/** Answers every request, from now on. */
export function answerAll(generation: FakeGeneration): void {
  void (async () => {
    for (;;) generation.reply(await generation.frames.next(isRequest), { ok: true })
  })()
}
