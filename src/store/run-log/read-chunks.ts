import { open } from 'node:fs/promises'
import { systemCodeOf } from '../../lib/errors.ts'
import { chunkHead, parseChunk } from './records.ts'
import type { NumberedChunk } from '../../contracts/runner.ts'
import { listSegments, segmentFile } from './segments.ts'
import type { Place } from './segments.ts'

const blockBytes = 262_144
const newline = 0x0a

/**
 * Reads the chunks of run `n` in a log from a place on, in pieces, to the end of what is written. A segment that is no
 * longer there is passed over; a torn line is left out.
 * @throws the system's own error when a segment cannot be read
 */
export async function* readChunks(dir: string, n: number, from: Place): AsyncGenerator<NumberedChunk[]> {
  const head = Buffer.from(chunkHead(n))
  for (const segment of listSegments(dir)) {
    if (segment < from.segment) continue
    const start = segment === from.segment ? from.byte : 0
    for await (const block of linesOf(segmentFile(dir, segment), start)) {
      const chunks = chunksIn(block, head)
      if (chunks.length > 0) yield chunks
    }
  }
}

/** Whole lines of a file, many at a time. `start` is where a line begins. */
export async function* linesOf(file: string, start: number): AsyncGenerator<Buffer> {
  const handle = await open(file).catch((error: unknown) => {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    let rest: Buffer = Buffer.alloc(0)
    for (let at = start; ;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(blockBytes), 0, blockBytes, at)
      if (bytesRead === 0) return
      at += bytesRead
      const all = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const end = all.lastIndexOf(newline) + 1
      rest = all.subarray(end)
      if (end > 0) yield all.subarray(0, end)
    }
  } finally {
    await handle.close()
  }
}

/** The chunks among whole lines that begin with `head`. JSON has no raw line end in it, so a head is never inside. */
function chunksIn(lines: Buffer, head: Buffer): NumberedChunk[] {
  const chunks: NumberedChunk[] = []
  for (let at = lines.indexOf(head); at !== -1;) {
    const end = lines.indexOf(newline, at)
    if (at === 0 || lines[at - 1] === newline) {
      const chunk = parseChunk(lines.toString('utf8', at, end))
      if (chunk !== undefined) chunks.push(chunk)
    }
    at = lines.indexOf(head, end)
  }
  return chunks
}
