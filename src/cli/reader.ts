import { fstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'

const lookMs = 200

/**
 * Calls `gone` when nobody reads our output any more, as after `ksi watch | head -3`: until the next line is written
 * the system tells nobody. Where it cannot be seen who reads (no pipe, no /proc), nothing happens before that.
 * @returns ends the looking
 */
export function whenReaderGoes(gone: () => void): () => void {
  const pipe = ourPipe()
  let readers = pipe === undefined ? [] : processesWith(pipe)
  if (pipe === undefined || readers.length === 0) return () => {}
  const timer = setInterval(() => {
    readers = readers.filter((pid) => hasOpen(pid, pipe))
    // Another may have been given it meanwhile; ours is not one of them.
    if (readers.length === 0) readers = processesWith(pipe)
    if (readers.length > 0) return
    clearInterval(timer)
    gone()
  }, lookMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** What our output is in /proc, when it is a pipe. */
function ourPipe(): string | undefined {
  try {
    return fstatSync(1).isFIFO() ? readlinkSync('/proc/self/fd/1') : undefined
  } catch {
    // No /proc here.
    return undefined
  }
}

/** Those who have it open for reading, as far as we may look. Whoever writes into it, too, does not count. */
function processesWith(pipe: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && hasOpen(pid, pipe))
}

function hasOpen(pid: number, pipe: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => isReadEnd(`/proc/${pid}`, fd, pipe))
  } catch {
    // Gone, or another user's.
    return false
  }
}

function isReadEnd(folder: string, fd: string, pipe: string): boolean {
  try {
    if (readlinkSync(`${folder}/fd/${fd}`) !== pipe) return false
    // The last two bits are the access mode, and 0 is reading.
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`${folder}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '1'
    return (Number.parseInt(flags, 8) & 3) === 0
  } catch {
    // It was closed while we looked.
    return false
  }
}
