import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { BootFailure } from '../../contracts/control.ts'
import type { FromRunnerHost, RunnerList } from '../../contracts/runner-host.ts'
import { listenOnSocketFile } from '../../lib/socket-file.ts'
import { LineDecoder } from '../../lib/ndjson.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import { readHostLine } from './lines.ts'

interface HostServerOptions {
  /** The Unix socket's path; a file that is there already is replaced. */
  socket: string
  log: WordLog
  list: () => RunnerList
  reload: (files: readonly string[], at: number) => Promise<BootFailure | null>
  end: () => void
}

export interface HostServer {
  /** Tells all that watch which runners there are. */
  tell(): void
  close(): void
}

/** As in contracts/runner-host.ts, whose library is not to be loaded here; lines.test.ts holds both together. */
export const protocol = 1

/** A list of files of a whole checkout fits. */
const maxLineBytes = 16_777_216

/** Serves whoever has to do with runners. @throws the system's own error when it cannot listen */
export async function startHostServer(options: HostServerOptions): Promise<HostServer> {
  const { socket: path, log, list } = options
  const sockets = new Set<Socket>()
  const watching = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const decoder = new LineDecoder(
      maxLineBytes,
      (line) => act(line, socket, watching, options),
      () => log.error({ maxLineBytes }, 'a line to the runner host was too long and is ignored'),
    )
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    // What a broken connection means is said by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      watching.delete(socket)
    })
  })
  await listenOnSocketFile(server, path)
  const { ino } = statSync(path)
  server.on('error', (error) => log.error({ err: error }, "the runner host's socket has an error"))
  return {
    tell: () => {
      for (const socket of watching) say(socket, { type: 'runners', ...list() })
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      // Closing removes the file, but the one that is there may be the next host's by now.
      if (statSync(path, { throwIfNoEntry: false })?.ino === ino) server.close()
    },
  }
}

function act(text: string, socket: Socket, watching: Set<Socket>, options: HostServerOptions): void {
  const { log, list, reload, end } = options
  const line = readHostLine(text)
  switch (line?.type) {
    case 'hello':
      return say(socket, { type: 'welcome', protocol })
    case 'watch':
      watching.add(socket)
      return say(socket, { type: 'runners', ...list() })
    case 'reload': {
      const { id, files, at } = line
      void reload(files, at).then((failure) => say(socket, { type: 'reloaded', id, failure }))
      return
    }
    case 'end':
      return end()
    default:
      log.warn({ line: text.slice(0, 200) }, 'a line to the runner host is not understood and is ignored')
  }
}

function say(socket: Socket, line: FromRunnerHost): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
}
