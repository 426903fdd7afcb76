import { closeSync, openSync, readSync } from 'node:fs'

/** A page in the WAL with its header. */
const frameBytes = 4_096 + 24

/**
 * Counts what is written into a WAL, from outside: its index says how many frames it has and how many transactions
 * there were. The WAL begins anew at times, so it is looked at every few ms.
 */
export function watchWal(path: string): { look(): void; stop(): { bytes: number; commits: number } } {
  const fd = openSync(`${path}-shm`, 'r')
  const read = (): { change: number; frames: number } => {
    const header = Buffer.alloc(20)
    readSync(fd, header, 0, 20, 0)
    return { change: header.readUInt32LE(8), frames: header.readUInt32LE(16) }
  }
  let last = read()
  const first = last
  let frames = 0
  const look = (): void => {
    const now = read()
    frames += now.frames >= last.frames ? now.frames - last.frames : now.frames
    last = now
  }
  const timer = setInterval(look, 2)
  return {
    look,
    stop() {
      clearInterval(timer)
      look()
      closeSync(fd)
      return { bytes: frames * frameBytes, commits: last.change - first.change }
    },
  }
}
