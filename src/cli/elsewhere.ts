import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { exitCodes, KsiError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'
import { publishedAddress } from './daemon-link.ts'
import { printJson, say } from './output.ts'

type Verb = 'start' | 'stop' | 'restart'

/** Where the daemon of a Compose project is, for its other containers. */
const inProject = 'tcp://daemon:4310'
/** For the engine's answer, in ms. */
const askEngineMs = 5_000

/** A ksi in another container than this one, and what is known of it here. */
interface OtherContainer {
  address: string
  /** As the engine says, `running` or `exited`; undefined when it cannot be asked from here, or knows of none. */
  state: string | undefined
  /** What names its project for Compose on the host. */
  options: string
}

/** That of the ksi that is meant; undefined when it is not in another container. */
export async function otherContainer({ env, values, place }: Invocation): Promise<OtherContainer | undefined> {
  const address = env['KSI_DAEMON_ADDRESS']
  const isNamed = ['root', 'address', 'socket'].some((option) => values[option] !== undefined)
  if (!address || isNamed) return undefined
  // Where this container belongs to the daemon's own project.
  const project = address === inProject ? env['COMPOSE_PROJECT_NAME'] : undefined
  const state = project ? await daemonState(place.root) : undefined
  // With the file, since by the name alone Compose does not run the hook.
  return { address, state, options: project ? `-p ${project} -f compose.yaml ` : '' }
}

/** What to say where it is to be done on the host. */
export function onHost({ address, options }: OtherContainer, command: string): KsiError {
  const does = `\`docker compose ${options}${command}\` on the host does this`
  return new KsiError('KSI_BAD_REQUEST', `ksi runs in another container (${address}): ${does}.`)
}

/**
 * A ksi that is another container's is started and stopped by Docker: by itself it would end and nothing would start it
 * again, and a second one here would be kept by nobody. Done where the engine can be reached from here.
 * @returns Compose's exit code; undefined when the ksi that is meant is not another container's
 * @throws KsiError KSI_BAD_REQUEST with the command that does it, where the engine cannot be reached
 */
export async function doElsewhere(invocation: Invocation, verb: Verb): Promise<number | undefined> {
  const { place, json } = invocation
  const other = await otherContainer(invocation)
  if (other === undefined) return undefined
  if (other.state === undefined) throw onHost(other, `${verb} daemon`)
  // What has been stopped is not restarted, because of its hook (docs/containers.md, "Lifecycle hooks").
  const command = ['compose', verb === 'restart' && other.state !== 'running' ? 'start' : verb, 'daemon']
  const by = `docker ${command.join(' ')}`
  if (!json) say(by)
  const child = spawn('docker', command, { cwd: place.root, stdio: ['ignore', process.stderr, process.stderr] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (json) printJson({ status: code === 0 ? 'done' : 'failed', by })
  return code ?? exitCodes.failed
}

async function daemonState(root: string): Promise<string | undefined> {
  try {
    const ask = ['compose', 'ps', '--all', '--format', '{{.State}}', 'daemon']
    const { stdout } = await promisify(execFile)('docker', ask, { cwd: root, timeout: askEngineMs })
    return stdout.trim() || undefined
  } catch {
    return undefined
  }
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
