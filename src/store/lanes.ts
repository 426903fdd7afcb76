import type { Sql } from './sql.ts'

/** Before a model's first slash. */
const providerOfModel = "substr(model, 1, instr(model || '/', '/') - 1)"

/** The lane of a request, by its column `model`: its model's, where that has one, else its provider's. */
export const laneOfModel = `(SELECT max(provider) FROM lanes WHERE provider IN (model, ${providerOfModel}))`

/** Sets head, wait and lane of a conversation from its queue: a part of an UPDATE. @param name its name, in SQL */
export const headOfQueue = (name: string): string => `(head_tick, not_before, lane) =
  (SELECT id, not_before, ${laneOfModel} FROM requests INDEXED BY requests_queue
    WHERE conversation = ${name} AND state = 'queued' ORDER BY rank, id LIMIT 1)`

/** What comes first in the name of a lane in which nobody is looked for; no provider begins so. */
export const parked = '~'

/** Conversations that may start their next request: of those a lane has, in this order. */
const ready = 'head_tick IS NOT NULL AND busy = 0 AND not_before IS NULL'
const next = (after: string): string => `(SELECT lane FROM conversations INDEXED BY conversations_ready
  WHERE lane ${after} AND lane < '${parked}' AND ${ready} ORDER BY lane LIMIT 1)`

/** How many conversations are brought out of where they were parked at a time. */
const takenOutAtOnce = 256

/**
 * Where conversations stand by what keeps their next request from being started, so that those who wait for one thing
 * are never looked at by whoever looks for others. A lane is that of a provider, of a model, or one in which nobody is
 * looked for until its conversations are taken out again; NULL is that of all others. Which lane is right is decided
 * when a conversation comes to its turn: one that stands elsewhere is found all the same, and moved if need be.
 */
export class Lanes {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** From now on these providers and models have lanes, for what is queued. Call within `journal.tx`. */
  set(names: readonly string[]): void {
    const before = this.#sql.values<string>('SELECT provider FROM lanes ORDER BY provider')
    if (before.join('\n') === [...names].sort().join('\n')) return
    this.#sql.run('DELETE FROM lanes')
    for (const name of names) this.add(name)
  }

  /** Also this model, from now on. */
  add(name: string): void {
    this.#sql.run('INSERT OR IGNORE INTO lanes (provider) VALUES (?)', name)
  }

  /** In which somebody is ready; NULL is not among them. */
  ready(): string[] {
    return this.#sql.values(
      `WITH RECURSIVE found (lane) AS (
         SELECT ${next(">= ''")} UNION ALL SELECT ${next('> found.lane')} FROM found WHERE found.lane IS NOT NULL)
       SELECT lane FROM found WHERE lane IS NOT NULL`,
    )
  }

  /** The first of a lane that are ready, in the order in which their requests were accepted. */
  first(lane: string | null, limit: number): { conversation: string; head_tick: number }[] {
    return this.#sql.all(
      `SELECT conversation, head_tick FROM conversations INDEXED BY conversations_ready
       WHERE lane IS ? AND ${ready} ORDER BY head_tick LIMIT ?`,
      lane,
      limit,
    )
  }

  /** Those that are parked, or some of them. */
  parked(limit: number): { conversation: string; head_tick: number }[] {
    return this.#sql.all(
      `SELECT conversation, head_tick FROM conversations INDEXED BY conversations_ready
       WHERE lane >= '${parked}' AND ${ready} LIMIT ?`,
      limit,
    )
  }

  move(conversation: string, lane: string): void {
    this.#sql.run('UPDATE conversations SET lane = ? WHERE conversation = ?', lane, conversation)
  }

  /** A conversation stands where its next request belongs. */
  takeOut(conversation: string): void {
    this.#sql.run(
      `UPDATE conversations SET lane = (SELECT ${laneOfModel} FROM requests WHERE id = head_tick)
       WHERE conversation = ?`,
      conversation,
    )
  }

  /** The same for some of a lane. @returns whether that were all */
  takeSomeOut(lane: string): boolean {
    const some = this.first(lane, takenOutAtOnce)
    for (const { conversation } of some) this.takeOut(conversation)
    return some.length < takenOutAtOnce
  }

  /** How many runs have not ended, by model. */
  running(): Map<string, number> {
    const rows = this.#sql.all<{ model: string; n: number }>(
      `SELECT q.model, count(*) AS n FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
       WHERE u.ended_at IS NULL GROUP BY 1`,
    )
    return new Map(rows.map(({ model, n }) => [model, n]))
  }
}
