import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { BootFailure } from '../../contracts/control.ts'
import { hostProtocol } from '../../contracts/protocol.ts'
import type { FromRunnerHost, RunnerList } from '../../contracts/runner-host.ts'
import { listenOnSocketFile } from '../../lib/socket-file.ts'
import { LineDecoder } from '../../lib/ndjson.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import { readHostLine } from './lines.ts'

interface HostServerOptions {
  /** The Unix socket's path; a file that is there already is replaced. */
  socket: string
  log: WordLog
  /** whose journal its runs belong to */
  owner: string | null
  list: () => RunnerList
  reload: (files: readonly string[], at: number) => Promise<BootFailure | null>
  /** Somebody keeps it from now on. */
  keep: (env: Readonly<Record<string, string>> | undefined) => void
  /** Nobody keeps it any more. */
  left: () => void
  drain: () => void
  end: () => void
}

export interface HostServer {
  /** Tells all that watch which runners there are. */
  tell(): void
  /** Hands what was printed to whoever keeps it. @returns false when there is none, or it does not read */
  print(lines: string[]): boolean
  /** Whether the socket's file is still the one it listens on. */
  hasItsFile(): boolean
  close(): void
}

/** A list of files of a whole checkout fits. */
const maxLineBytes = 16_777_216
/** What is printed waits while whoever keeps it is that far behind. */
const maxWaitingBytes = 4_194_304

/** Those that are connected, by what they have asked for. */
interface Clients {
  readonly all: Set<Socket>
  readonly watching: Set<Socket>
  readonly keeping: Set<Socket>
}

/** Serves whoever has to do with runners. @throws the system's own error when it cannot listen */
export async function startHostServer(options: HostServerOptions): Promise<HostServer> {
  const { socket: path, log, list, left } = options
  const clients: Clients = { all: new Set(), watching: new Set(), keeping: new Set() }
  const server = createServer((socket) => {
    clients.all.add(socket)
    const decoder = new LineDecoder(
      maxLineBytes,
      (line) => act(line, socket, clients, options),
      () => log.error({ maxLineBytes }, 'a line to the runner host was too long and is ignored'),
    )
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    // What a broken connection means is said by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      clients.all.delete(socket)
      clients.watching.delete(socket)
      if (clients.keeping.delete(socket) && clients.keeping.size === 0) left()
    })
  })
  await listenOnSocketFile(server, path)
  const { ino } = statSync(path)
  const hasItsFile = (): boolean => statSync(path, { throwIfNoEntry: false })?.ino === ino
  server.on('error', (error) => log.error({ err: error }, "the runner host's socket has an error"))
  return {
    tell: () => {
      for (const socket of clients.watching) say(socket, { type: 'runners', ...list() })
    },
    print: (lines) => {
      const taking = [...clients.keeping].filter(({ writableLength }) => writableLength < maxWaitingBytes)
      for (const socket of taking) say(socket, { type: 'printed', lines })
      return taking.length > 0
    },
    hasItsFile,
    close: () => {
      for (const socket of clients.all) socket.destroy()
      // Closing removes the file, but the one that is there may be the next host's by now.
      if (hasItsFile()) server.close()
    },
  }
}

function act(text: string, socket: Socket, clients: Clients, options: HostServerOptions): void {
  const { log, list, owner, reload, keep, drain, end } = options
  const line = readHostLine(text)
  switch (line?.type) {
    case 'hello':
      return say(socket, { type: 'welcome', ...hostProtocol, owner, pid: process.pid })
    case 'watch':
      clients.watching.add(socket)
      return say(socket, { type: 'runners', ...list() })
    case 'keep':
      clients.keeping.add(socket)
      return keep(line.env)
    case 'reload': {
      const { id, files, at } = line
      void reload(files, at).then((failure) => say(socket, { type: 'reloaded', id, failure }))
      return
    }
    case 'drain':
      return drain()
    case 'end':
      return end()
    default:
      log.warn({ line: text.slice(0, 200) }, 'a line to the runner host is not understood and is ignored')
  }
}

function say(socket: Socket, line: FromRunnerHost): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
}
