import type { Hold, HoldCause, HoldScope } from '../contracts/holds.ts'
import { iso, isoOrNull } from '../lib/time.ts'
import type { Sql } from './sql.ts'

/** A row of `holds`. Times are those of the journal's clock. */
export interface HoldRow {
  scope: HoldScope
  name: string
  cause: HoldCause
  reason: string
  since: number
  /** null: until it is released; 0: it is over */
  until: number | null
  times: number
  /** the run that was let through to see */
  probe: number | null
  /** the request of that run, while it has not ended */
  probing: string | null
}

export type NewHold = Omit<HoldRow, 'since' | 'probe' | 'probing'>
/** What a hold is known by. */
export type HoldKey = Pick<HoldRow, 'scope' | 'name' | 'cause'>

/** What a request is, as far as holds go. */
export interface Holdable {
  model: string
  provider: string
  agent_id: string | null
  conversation: string
}

const columns = `h.scope, h.name, h.cause, h.reason, h.since, h.until, h.times, h.probe,
  (SELECT q.request_id FROM runs u JOIN requests q ON q.id = u.request
    WHERE u.id = h.probe AND u.ended_at IS NULL) AS probing`
const oneOf = 'WHERE scope = @scope AND name = @name AND cause = @cause'

/** What is held. Call what changes it within `journal.tx`. */
export class Holds {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Holds; one there is goes on with what is new about it, and its probe has been seen. */
  put(hold: NewHold, now: number): void {
    this.#sql.run(
      `INSERT INTO holds (scope, name, cause, reason, since, until, times)
       VALUES (@scope, @name, @cause, @reason, @now, @until, @times)
       ON CONFLICT DO UPDATE SET reason = @reason, until = @until, times = @times, probe = NULL`,
      { ...hold, now },
    )
  }

  get(key: HoldKey): HoldRow | undefined {
    return this.#sql.one(`SELECT ${columns} FROM holds h ${oneOf}`, keyOf(key))
  }

  /** A run was let through to see whether it is over. */
  probe(key: HoldKey, run: number): void {
    this.#sql.run(`UPDATE holds SET probe = @run ${oneOf}`, { ...keyOf(key), run })
  }

  /** @param until by the journal's clock; 0: it is over, and there is still something to be done about it */
  setUntil(key: HoldKey, until: number): void {
    this.#sql.run(`UPDATE holds SET until = @until ${oneOf}`, { ...keyOf(key), until })
  }

  remove(key: HoldKey): void {
    this.#sql.run(`DELETE FROM holds ${oneOf}`, keyOf(key))
  }

  /** All there are on one thing. */
  on(scope: HoldScope, name: string): HoldRow[] {
    return this.#sql.all(`SELECT ${columns} FROM holds h WHERE scope = ? AND name = ?`, scope, name)
  }

  /** Those that are over for many at once: on everything, providers and models. */
  wide(): HoldRow[] {
    return this.#sql.all(`SELECT ${columns} FROM holds h WHERE scope IN ('all', 'provider', 'model')`)
  }

  /** Whether anything is held whose conversations have to be looked up one by one. */
  anyNarrow(): boolean {
    return this.#sql.value("SELECT 1 FROM holds WHERE scope IN ('agent', 'conversation') LIMIT 1") !== undefined
  }

  /** All that keep a request from being started, or would if their time were not over. */
  of({ model, provider, agent_id, conversation }: Holdable): HoldRow[] {
    return this.#sql.all(
      `SELECT ${columns} FROM holds h WHERE (scope, name) IN (VALUES ('all', ''), ('provider', @provider),
         ('model', @model), ('agent', @agent_id), ('conversation', @conversation))`,
      { model, provider, agent_id, conversation },
    )
  }

  /** Those whose probe this run is. */
  ofProbe(run: number): HoldRow[] {
    return this.#sql.all(
      `SELECT ${columns} FROM holds h WHERE scope IN ('all', 'provider', 'model') AND probe = ?`,
      run,
    )
  }

  /** Whose time is over, the earliest first. */
  due(now: number, limit: number): HoldRow[] {
    return this.#sql.all(
      `SELECT ${columns} FROM holds h INDEXED BY holds_until WHERE until <= ? ORDER BY until LIMIT ?`,
      now,
      limit,
    )
  }

  /** When there is next something to be done about one: it is over, or somebody may be its probe from then on. */
  nextAfter(now: number): number | undefined {
    return this.#sql.value(
      `SELECT until FROM holds INDEXED BY holds_until
       WHERE until IS NOT NULL AND (until > ? OR cause NOT IN ('limit', 'circuit')) ORDER BY until LIMIT 1`,
      now,
    )
  }

  ofCause(cause: HoldCause): HoldRow[] {
    return this.#sql.all(`SELECT ${columns} FROM holds h WHERE cause = ?`, cause)
  }

  count(): number {
    return countHolds(this.#sql)
  }

  /** Everything first, then providers, models, agents and conversations. */
  list(limit: number): HoldRow[] {
    return listHolds(this.#sql, limit)
  }

  /** One more failure in a row of a provider, or none any more. */
  setOutage(provider: string, outage: { failures: number; since: number } | undefined): void {
    if (outage === undefined) this.#sql.run('DELETE FROM outages WHERE provider = ?', provider)
    else
      this.#sql.run(
        `INSERT INTO outages (provider, failures, since) VALUES (@provider, @failures, @since)
         ON CONFLICT DO UPDATE SET failures = @failures, since = @since`,
        { provider, ...outage },
      )
  }

  outage(provider: string): { failures: number; since: number } | undefined {
    return this.#sql.one('SELECT failures, since FROM outages WHERE provider = ?', provider)
  }
}

/** The same by any connection. */
function listHolds(sql: Sql, limit: number): HoldRow[] {
  const found: HoldRow[] = []
  for (const scope of ['all', 'provider', 'model', 'agent', 'conversation'])
    found.push(
      ...sql.all<HoldRow>(
        `SELECT ${columns} FROM holds h WHERE scope = ? AND until IS NOT 0 ORDER BY name LIMIT ?`,
        scope,
        limit - found.length,
      ),
    )
  return found
}

function countHolds(sql: Sql): number {
  return sql.value<number>('SELECT count(*) FROM holds WHERE until IS NOT 0') ?? 0
}

/** A hold as it is told. @param toWall what the machine's clock shows at a time of the journal's */
export function describeHold(row: HoldRow, now: number, toWall: (at: number) => number): Hold {
  const { scope, name, cause, reason, since, until, times, probing } = row
  return {
    scope,
    name,
    cause,
    reason,
    since: iso(toWall(since)),
    until: isoOrNull(until === null ? null : toWall(until)),
    phase: probing !== null ? 'probing' : until !== null && until <= now ? 'due' : 'held',
    probe: probing,
    times,
  }
}

function keyOf({ scope, name, cause }: HoldKey): HoldKey {
  return { scope, name, cause }
}
