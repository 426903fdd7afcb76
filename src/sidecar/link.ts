import { connect } from '../client/client.ts'
import type { KsiClient } from '../client/client.ts'
import type { StreamPiece } from '../client/stream.ts'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import type { DaemonLink } from './sources/daemon.ts'

/** What tells of a change; results and progress of requests are left out, they would only cost the daemon work. */
const patterns = ['system:*', 'checkpoint:saved']

/** What else the daemon is asked, over the same connection; output has one of its own for each request. */
export interface Questions {
  providers(): Promise<unknown>
  output(requestId: string, from: { attempt: number; from: number; signal: AbortSignal }): AsyncIterable<StreamPiece>
}

const questionMs = 2_000

/**
 * The link over the ksi client. It does not let the client reconnect by itself: one try per question says at once, and
 * exactly, why there is no answer.
 * @param options.token asked anew for each connection: it may be made, or replaced, while the sidecar runs
 */
export function createClientLink(options: {
  address: string
  token: () => string | undefined
}): DaemonLink & Questions {
  const closing = new AbortController()
  let current: Promise<KsiClient> | undefined

  const drop = (): void => {
    const dropped = current
    current = undefined
    dropped?.then((client) => client.close()).catch(() => {})
  }
  const client = (): Promise<KsiClient> => {
    current ??= connect({
      address: options.address,
      token: options.token(),
      clientId: 'ksi-sidecar',
      reconnect: false,
      connectTimeoutMs: 0,
      signal: closing.signal,
    })
    return current
  }
  return {
    async ask(timeoutMs) {
      try {
        return await (await client()).request('supervisor:status', {}, { timeoutMs })
      } catch (error) {
        // Also after a reply that did not come: whatever holds this connection up, a new one may get through.
        drop()
        throw new KsiError('KSI_UNREACHABLE', reasonOf(error, timeoutMs), { cause: error })
      }
    },
    async providers() {
      return (await client()).request('completion:provider_status', {}, { timeoutMs: questionMs })
    },
    async *output(requestId, from) {
      yield* (await client()).stream(requestId, from)
    },
    async *news() {
      // Until there is a connection there is nothing to hear; trying is the business of `ask`.
      if (current) yield* (await current).subscribe({ patterns, signal: closing.signal })
    },
    close() {
      closing.abort()
      drop()
      return Promise.resolve()
    },
  }
}

/** Why there was no answer, short enough to stand within a sentence. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof KsiError)) return messageOf(error)
  if (error.code === 'KSI_TIMEOUT') return `connected, but no reply within ${timeoutMs} ms`
  if (error.code !== 'KSI_UNREACHABLE') return error.message
  const code = systemCodeOf(error.cause)
  if (code === 'ENOENT') return 'its socket does not exist'
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its container is not there'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'its container cannot be reached'
  return code ?? error.message
}
