import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Who listens on a TCP port. */
export interface PortHolder {
  pid: number
  /** the program, as the system calls it */
  name: string
}

/** The state of a listening socket in the tables below. */
const listening = '0A'

/**
 * Who listens on a TCP port of this machine. Undefined where nobody does, or where it cannot be seen: another user's
 * process, another container's, no /proc.
 */
export function portHolder(port: number): PortHolder | undefined {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => socketsOn(port, table)))
  if (sockets.size === 0) return undefined
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (Number.isInteger(pid) && holdsOne(pid, sockets)) return { pid, name: nameOf(pid) }
  }
  return undefined
}

/** Whether anybody listens there, seen or not. Undefined where that cannot be told. */
export function isTaken(port: number): boolean | undefined {
  try {
    readFileSync('/proc/net/tcp')
  } catch {
    return undefined
  }
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((table) => socketsOn(port, table).length > 0)
}

function socketsOn(port: number, table: string): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  try {
    return readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === listening && local?.endsWith(suffix) === true)
      .map((fields) => `socket:[${fields[9] ?? ''}]`)
  } catch {
    // No IPv6, or no /proc.
    return []
  }
}

function holdsOne(pid: number, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => sockets.has(linkOf(`/proc/${pid}/fd/${fd}`)))
  } catch {
    // Another user's, or gone.
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Program and script say more than the process's name: `node …/src/supervisor/main.ts`, not `node`. */
function nameOf(pid: number): string {
  try {
    const [program = '', ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
    const script = rest.find((word) => !word.startsWith('-'))
    const words = [basename(program), ...(script === undefined ? [] : [script.slice(-60)])]
    return words.join(' ') || readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'a program'
  }
}
