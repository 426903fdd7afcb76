import { z } from 'zod'
import { heardChunk } from '../../contracts/chunk.ts'
import { runOutcome } from '../../contracts/runner.ts'
import type { NumberedChunk } from '../../contracts/runner.ts'
import { parseObject } from '../../lib/ndjson.ts'

/*
 * The records of a run log, one JSON object a line, in the order they happened. The runs of one log are numbered, and
 * every record begins with its letter and that number, so that a reader can pick one run's lines without parsing those
 * of the others beside it.
 *
 *   {"b":7,"run_id":…,"request_id":…,"attempt":…,"at":…}   run 7 begins
 *   {"c":7,"o":0,"d":{"kind":"text","text":…}}             its chunk number 0
 *   {"e":7,"at":…,"outcome":…}                             it ended: the last record of its output
 *   {"x":7,"at":…}                                         a generation has the outcome in its journal
 */

const begun = z.object({
  b: z.number(),
  run_id: z.string(),
  request_id: z.string(),
  attempt: z.number(),
  /** epoch ms, here and below */
  at: z.number(),
})
const ended = z.object({ e: z.number(), at: z.number(), outcome: runOutcome })
const committed = z.object({ x: z.number(), at: z.number() })
const record = z.union([begun, ended, committed])
type LogRecord = z.infer<typeof record>

/** What is known of a run when it begins. */
export type BegunRun = Omit<z.infer<typeof begun>, 'b'>

/** A record as a line. */
export function recordLine(entry: LogRecord): string {
  return `${JSON.stringify(entry)}\n`
}

/** A chunk of run `n` as a line. */
export function chunkLine(n: number, { offset, chunk: data }: NumberedChunk): string {
  return `{"c":${n},"o":${offset},"d":${JSON.stringify(data)}}\n`
}

/** What every chunk of run `n` begins with. */
export function chunkHead(n: number): string {
  return `{"c":${n},`
}

const numbered = z.object({ o: z.number().int().min(0), d: heardChunk() })

/** Reads a chunk's line. @returns undefined for one that is torn */
export function parseChunk(line: string): NumberedChunk | undefined {
  const parsed = numbered.safeParse(parseObject(line))
  return parsed.success ? { offset: parsed.data.o, chunk: parsed.data.d } : undefined
}

/** Reads any other record. @returns undefined for a chunk, and for a line that is torn */
export function parseRecord(line: string): LogRecord | undefined {
  if (line.startsWith('{"c":')) return undefined
  const parsed = record.safeParse(parseObject(line))
  return parsed.success ? parsed.data : undefined
}
