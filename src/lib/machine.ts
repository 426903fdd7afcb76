import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/** Something that changes whenever the machine starts; undefined where it is not to be had. */
export function machineBoot(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Ms since the machine has started: the same for all processes, counts while it sleeps, and never goes back. */
export function uptimeMs(): number {
  return uptime() * 1_000
}
