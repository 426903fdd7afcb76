import { connect } from '../client/client.ts'
import type { ConnectOptions, KsiClient } from '../client/client.ts'
import type { Invocation } from './command.ts'

/**
 * Connects to the ksi a command is about, in one try: a command says at once that nobody answers. A lost connection is
 * made again, so that a command outlives a restart.
 * @throws KsiError KSI_UNREACHABLE
 */
export function reach(
  { place, timeoutMs }: Pick<Invocation, 'place' | 'timeoutMs'>,
  options: ConnectOptions = {},
): Promise<KsiClient> {
  return connect({
    address: place.address,
    token: place.token,
    clientId: 'ksi-cli',
    connectTimeoutMs: 0,
    timeoutMs,
    ...options,
  })
}
