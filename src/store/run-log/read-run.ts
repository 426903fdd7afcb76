import { join } from 'node:path'
import type { NumberedChunk } from '../../contracts/runner.ts'
import { linesOf, readChunks } from './read-chunks.ts'
import { parseRecord } from './records.ts'
import { listSegments, segmentFile } from './segments.ts'
import type { Place } from './segments.ts'

/** The folder of one runner's log, among those of all. Encoded, so that no id leads out of it. */
export function logDirOf(logs: string, runnerId: string): string {
  return join(logs, encodeURIComponent(runnerId))
}

/**
 * The chunks of a run from an offset on, in pieces, from the log of a runner that need not live any more; nothing when
 * they are kept no longer.
 * @throws the system's own error when a segment cannot be read
 */
export async function* readRun(
  dir: string,
  { runId, offset }: { runId: string; offset: number },
): AsyncGenerator<NumberedChunk[]> {
  const begin = await findRun(dir, runId)
  if (begin === undefined) return
  for await (const piece of readChunks(dir, begin.n, begin.place)) {
    const wanted = piece.filter((chunk) => chunk.offset >= offset)
    if (wanted.length > 0) yield wanted
  }
}

/** Where a run begins: its number in the log, and a place at or before its first record. */
async function findRun(dir: string, runId: string): Promise<{ n: number; place: Place } | undefined> {
  const member = Buffer.from(`"run_id":${JSON.stringify(runId)}`)
  for (const segment of listSegments(dir)) {
    let byte = 0
    for await (const block of linesOf(segmentFile(dir, segment), 0)) {
      for (let at = block.indexOf(member); at !== -1; at = block.indexOf(member, at + 1)) {
        const from = block.lastIndexOf(0x0a, at) + 1
        const record = parseRecord(block.toString('utf8', from, block.indexOf(0x0a, at)))
        if (record !== undefined && 'b' in record && record.run_id === runId)
          return { n: record.b, place: { segment, byte: byte + from } }
      }
      byte += block.length
    }
  }
  return undefined
}
