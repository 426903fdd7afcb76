import { once } from 'node:events'
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname } from 'node:path'

/** So often, in ms, a socket's file is looked at. */
const lookMs = 500

/**
 * Has a server listen on a Unix socket for its owner alone (0600), in place of a file that is there already. A file
 * that is removed while it listens is made again: who is connected stays connected.
 * @throws the system's own error when it cannot
 */
export async function listenOnSocketFile(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  keepSocketFile(server, path, async () => {
    mkdirSync(dirname(path), { recursive: true })
    server.listen(path)
    await once(server, 'listening')
    chmodSync(path, 0o600)
  })
}

/**
 * Has a server listen again when the file it listens on is removed. One that somebody else has put there stays as it
 * is. Ends by itself once the server has been closed. What goes wrong is the server's `error`, and tried again.
 */
export function keepSocketFile(server: Server, path: string, listenAgain: () => Promise<void>): void {
  let isRemaking = false
  const remake = async (): Promise<void> => {
    isRemaking = true
    try {
      // To close it ends no connection.
      if (server.listening) server.close()
      await listenAgain()
      isRemaking = false
    } catch (error) {
      server.emit('error', error)
    }
  }
  const timer = setInterval(() => {
    if (!server.listening && !isRemaking) return clearInterval(timer)
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) void remake()
  }, lookMs)
  timer.unref()
}
