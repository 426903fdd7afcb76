import { createHash, randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { createConnection } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { z } from 'zod'

/*
 * What a spare does before and while it waits. Part of the spare like main.ts: nothing of ours may be imported here.
 * The supervisor makes a new spare when this file changes.
 */

/**
 * Loads what any version of our code needs: dependencies, Node's own modules (node:crypto alone takes 6 ms), type
 * stripping.
 */
export async function loadDependencies(): Promise<void> {
  for (const name of [sqlite, 'pino', 'node:events', 'node:fs', 'node:path', 'node:stream']) await import(name)
  stripTypeScriptTypes('const warm: number = 1')
}

const sqlite = 'better-sqlite3'
/** Enough for V8 to have compiled and optimised what building and reading schemas runs through; 3 are not. */
const warmRounds = 20

/**
 * Does, while it waits, what any version of our code does first. Each save is about 9 ms faster for it (npm run
 * bench:reload).
 */
export async function warmUp(isWanted: () => boolean): Promise<void> {
  // A boot that is asked for right away, as after a crash, is not kept waiting.
  await setImmediate()
  if (isWanted()) return
  createHash('sha1').update(randomUUID()).digest('base64')
  // The first database of a process loads SQLite itself.
  const { default: Database } = (await import(sqlite)) as {
    default: new (path: string) => { prepare(sql: string): { get(): unknown }; close(): void }
  }
  const db = new Database(':memory:')
  db.prepare('SELECT 1 AS one').get()
  db.close()
  await new Promise((resolve) => createConnection('/nonexistent').once('error', resolve))
  // The first timer, and the first work for a thread, which makes the threads.
  await setTimeout(1)
  await stat(import.meta.filename)
  for (let round = 0; round < warmRounds && !isWanted(); round++) {
    useSchemas()
    await setImmediate()
  }
}

/**
 * Collects the garbage of all that now, while nobody waits: otherwise the room for new objects is full in the middle of
 * the next hand-over, and it stands still for it.
 */
export function collectGarbage(): void {
  globalThis.gc?.()
}

/** The kinds of schema that contracts/ is made of. */
function useSchemas(): void {
  const text = z.string().min(1).max(3).regex(/a/).optional().describe('text')
  const number = z.number().int().min(0).max(3).default(1)
  const coerced = z.coerce.number().int().min(0).max(3).default(1)
  const flag = z
    .string()
    .toLowerCase()
    .refine(() => true)
    .transform((value) => value === 'on')
    .default(false)
  const one = z.looseObject({
    text,
    number,
    coerced,
    flag,
    kind: z.enum(['a', 'b']).nullish(),
    data: z.record(z.string(), z.unknown()).optional(),
  })
  const many = z.object({ type: z.literal('many'), list: z.array(one).max(3) })
  const union = z.discriminatedUnion('type', [many, one.extend({ type: z.literal('one'), is: z.boolean().nullable() })])
  for (const value of [{}, { type: 'many', list: [{ text: 'a' }] }, { type: 'one', is: null, data: {} }])
    union.safeParse(value)
}
