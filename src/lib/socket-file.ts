import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname } from 'node:path'

/**
 * Has a server listen on a Unix socket for its owner alone (0600), in place of a file that is there already.
 * @throws the system's own error when it cannot
 */
export async function listenOnSocketFile(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
}
