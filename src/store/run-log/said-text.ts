import { chunkHead, parseChunk } from './records.ts'
import { linesWith, readSegment } from './read-log.ts'
import { listSegments, segmentFile } from './segments.ts'

/** So much of a text is kept, in characters: what came last. */
const most = 65_536

/**
 * The text run `n` of a log had given by its end: the last 65,536 characters of it, with an ellipsis where something
 * came before.
 * @throws the system's own error when a segment cannot be read
 */
export function saidText(dir: string, n: number): string {
  const head = Buffer.from(chunkHead(n))
  let text = ''
  let cut = false
  for (const segment of listSegments(dir)) {
    for (const line of linesWith(readSegment(segmentFile(dir, segment)), head)) {
      const chunk = parseChunk(line)?.chunk
      if (chunk?.kind !== 'text') continue
      text += chunk.text
      if (text.length <= most * 2) continue
      text = text.slice(-most)
      cut = true
    }
  }
  return cut || text.length > most ? `…${text.slice(-most)}` : text
}
