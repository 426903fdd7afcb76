import { KsiError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'
import { publishedAddress } from './daemon-link.ts'

type Verb = 'start' | 'stop' | 'restart'

/**
 * Refuses to start or stop a ksi that is another container's: from a dev container it would start a second one, which
 * nobody keeps, or end one that nothing there can start again.
 * @throws KsiError KSI_BAD_REQUEST
 */
export function assertHere({ env, values }: Invocation, verb: Verb): void {
  const address = env['KSI_DAEMON_ADDRESS']
  const isNamed = ['root', 'address', 'socket'].some((option) => values[option] !== undefined)
  if (!address || isNamed) return
  throw new KsiError(
    'KSI_BAD_REQUEST',
    `ksi runs in another container (${address}): \`docker compose ${verb} daemon\` on the host does this. ` +
      (verb === 'stop' ? '' : 'New code needs none of it: a save, or `ksi reload`. ') +
      'For one in this container name its folder with --root.',
  )
}

/** @throws KsiError KSI_BAD_REQUEST when nothing runs here, but Docker runs this checkout's */
export async function assertNotInDocker({ place }: Invocation, verb: Verb): Promise<void> {
  const address = place.byRoot ? await publishedAddress(place.root) : undefined
  if (address === undefined) return
  throw new KsiError(
    'KSI_BAD_REQUEST',
    `Docker runs this ksi, at ${address}: \`docker compose ${verb} daemon\` does this.`,
  )
}
