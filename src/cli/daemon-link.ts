import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from '../client/client.ts'
import type { ConnectOptions, KsiClient } from '../client/client.ts'
import { KsiError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'
import type { Place } from './place.ts'

/** For Docker's answer where a container's port is published. */
const askDockerMs = 3_000

/**
 * Connects to the ksi a command is about, in one try: a command says at once that nobody answers. A lost connection is
 * made again, so that a command outlives a restart.
 * @throws KsiError KSI_UNREACHABLE
 */
export async function reach(
  { place, timeoutMs }: Pick<Invocation, 'place' | 'timeoutMs'>,
  options: ConnectOptions = {},
): Promise<KsiClient> {
  const open = (address: string): Promise<KsiClient> =>
    connect({ address, token: place.token, clientId: 'ksi-cli', connectTimeoutMs: 0, timeoutMs, ...options })
  try {
    return await open(place.address)
  } catch (error) {
    if (!place.byRoot || !(error instanceof KsiError) || error.code !== 'KSI_UNREACHABLE') throw error
    for await (const address of otherDoors(place)) {
      try {
        return await open(address)
      } catch {
        // Nor there: what is told is that the socket, where it should be, does not answer.
      }
    }
    throw error
  }
}

/**
 * Where else the ksi of a root may answer: in the project's own container, where this is another one of it; at the port
 * that was set for it; at the one Docker publishes for it.
 */
async function* otherDoors({ root, port, inCompose }: Place): AsyncGenerator<string> {
  if (inCompose) yield 'tcp://daemon:4310'
  if (port !== undefined && port !== '0' && /^\d+$/.test(port)) yield `tcp://127.0.0.1:${port}`
  const published = await publishedAddress(root)
  if (published !== undefined) yield `tcp://${published}`
}

/**
 * Where Docker publishes the daemon of a root's Compose project: that of another checkout is never meant. Undefined
 * when it does not run, or there is no Docker.
 */
export async function publishedAddress(root: string): Promise<string | undefined> {
  if (!existsSync(join(root, 'compose.yaml'))) return undefined
  try {
    const port = ['compose', 'port', 'daemon', '4310']
    const { stdout } = await promisify(execFile)('docker', port, { cwd: root, timeout: askDockerMs })
    return /^[\d.]+:[1-9]\d*$/m.exec(stdout)?.[0]
  } catch {
    return undefined
  }
}
