import { readFileSync, realpathSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Settings } from '../contracts/settings.ts'
import { KsiError, messageOf } from '../lib/errors.ts'
import { checkSocketPath } from '../lib/socket-path.ts'

/** What the machine gives to this process. */
export interface Machine {
  /** file descriptors it may have; undefined where that is not known */
  descriptors: number | undefined
  /** bytes of memory all of ksi may have together */
  memory: number
}

/** Descriptors ksi needs besides its clients': children and their pipes, sockets, files, what is watched. */
const ownDescriptors = 96
/** Sockets of clients that are not let in: those that are told why, and those that have not said who they are. */
const refusedSockets = 32
/** Fewer clients at once than this are no use. */
const leastConnections = 8
/** Below so much memory the first saves are killed (seen with 192 MiB; 256 lived through a few). */
const leastMemory = 256 * 1024 * 1024

/** How many clients there is room for: let in, and sockets in all. */
export interface Room {
  connections: number
  sockets: number
}

/** What this process may have, by the system's own word. */
export function lookAtMachine(): Machine {
  return { descriptors: descriptorLimit(), memory: Math.min(totalmem(), memoryLimit()) }
}

/**
 * Looks, before anything is taken, whether ksi can live here: everything that would only show later, and as something
 * else.
 * @param warn told of what is too small to be comfortable
 * @throws KsiError KSI_CONFIG_INVALID, KSI_SOCKET_PATH_TOO_LONG, each with one sentence
 */
export function checkStart(settings: Settings, machine: Machine, warn: (sentence: string) => void): Room {
  checkRoot(settings)
  checkPorts(settings)
  const { run, runnerHost, socket } = settings.paths
  // The runners' names are the longest there are.
  for (const path of [socket, runnerHost, join(run, 'runner-01234567.sock')]) checkSocketPath(path)
  if (machine.memory < leastMemory)
    warn(
      `Only ${Math.floor(machine.memory / 1_048_576)} MiB of memory: ksi alone needs ${leastMemory / 1_048_576}, and ` +
        'below that the system kills parts of it. Raise the limit (KSI_MEMORY in Docker).',
    )
  return roomFor(settings.KSI_MAX_CONNECTIONS, machine.descriptors, warn)
}

function checkRoot({ paths }: Settings): void {
  if (paths.root.includes('\\'))
    throw invalid(
      `The folder ${paths.root} has a backslash in its name, which modules cannot be loaded from. Rename it.`,
    )
  const own = real(paths.root)
  const src = real(paths.src)
  if (src !== join(own, 'src'))
    throw invalid(
      `${paths.src} is a link to ${src}: ksi looks for its parts beside it. Set KSI_ROOT to the folder above.`,
    )
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw invalid(`${path} cannot be read (${messageOf(error)}). Set KSI_ROOT to the folder of a ksi.`)
  }
}

function checkPorts(settings: Settings): void {
  const names = [
    'KSI_PORT',
    'KSI_INSPECT_PORT',
    ...(settings.KSI_SIDECAR === 'on' ? (['KSI_SIDECAR_PORT'] as const) : []),
  ] as const
  const taken = new Map<number, string>()
  for (const name of names) {
    const port = settings[name]
    const other = taken.get(port)
    if (port !== 0 && other !== undefined)
      throw invalid(`${other} and ${name} are both ${port}, and only one can have it. Set one of them to another.`)
    taken.set(port, name)
  }
}

function roomFor(wanted: number, descriptors: number | undefined, warn: (sentence: string) => void): Room {
  if (descriptors === undefined) return { connections: wanted, sockets: Infinity }
  const sockets = descriptors - ownDescriptors
  const connections = Math.min(wanted, sockets - refusedSockets)
  if (connections < leastConnections)
    throw invalid(
      `This process may have ${descriptors} file descriptors, and needs ` +
        `${ownDescriptors + refusedSockets + leastConnections} at least. Raise the limit (ulimit -n).`,
    )
  if (connections < wanted)
    warn(
      `Room for ${connections} connections instead of ${wanted} (KSI_MAX_CONNECTIONS): this process may have ` +
        `${descriptors} file descriptors. Raise the limit (ulimit -n) for more.`,
    )
  return { connections, sockets }
}

function invalid(message: string): KsiError {
  return new KsiError('KSI_CONFIG_INVALID', message)
}

function descriptorLimit(): number | undefined {
  const limit = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1]
  return limit === undefined ? undefined : Number(limit)
}

function memoryLimit(): number {
  const limit = Number(read('/sys/fs/cgroup/memory.max'))
  return Number.isFinite(limit) && limit > 0 ? limit : Infinity
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
