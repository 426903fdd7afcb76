import { statSync } from 'node:fs'
import { iso, isoOrNull } from '../lib/time.ts'
import type { BootRecord, JournalFacts } from '../contracts/status.ts'
import type { UsageSum } from '../contracts/events/providers.ts'
import { bootOf, boots, bootsWithin } from './boots.ts'
import { checkpoints } from './checkpoints.ts'
import { describeHold, Holds } from './holds.ts'
import { Lanes } from './lanes.ts'
import { openForReading } from './open.ts'
import type { ConversationRow, RequestRow } from './rows.ts'
import { requestColumns, runningColumn } from './rows.ts'
import { Sql } from './sql.ts'
import { finishedAfter } from './views/timings.ts'
import type { Timing } from './views/timings.ts'
import { TokenUsage } from './usage.ts'
import { ConversationViews } from './views/conversations.ts'
import { CutViews } from './views/cuts.ts'
import { EventViews } from './views/events.ts'
import { RequestViews } from './views/requests.ts'

/** Reads the whole of the journal in short, beside the daemon, without ever being in its way. */
export interface FactsReader {
  /** True when another connection has committed since the last call. */
  changed(): boolean
  /** True while the path still names the file that is open: a restore from a copy or a salvage replaces it. */
  current(): boolean
  facts(limits?: { boots?: number; checkpoints?: number; queues?: number }): JournalFacts
  close(): void
}

/** Reads everything: short reads, no transaction kept open. */
export interface JournalReader extends FactsReader {
  readonly requests: RequestViews
  readonly conversations: ConversationViews
  readonly events: EventViews
  readonly cuts: CutViews
  readonly boots: {
    /** newest first */
    list(limit: number): BootRecord[]
    /** by its id, or by the number of its generation */
    get(name: string): BootRecord | undefined
    /** that were live within a time (epoch ms), oldest first */
    within(from: number, to: number): BootRecord[]
  }
  /** What was used since a time (epoch ms), by model. */
  usageSince(ms: number): Record<string, UsageSum>
  /** How long requests waited and took that have an outcome after that tick, oldest first. */
  finishedAfter(tick: number, limit: number): Timing[]
}

const hourMs = 3_600_000
const all = { agent_id: null, model: null, conversation: null }

/**
 * Opens the journal for reading. @throws SQLite's error: SQLITE_CANTOPEN when there is no file, or it was closed
 * cleanly and the mount is read-only
 */
export function openJournalReader(path: string): JournalReader {
  const db = openForReading(path)
  const inode = statSync(path).ino
  const sql = new Sql(db)
  const usage = new TokenUsage(sql)
  let version = -1
  return {
    changed() {
      const now = Number(db.pragma('data_version', { simple: true }))
      const changed = now !== version
      version = now
      return changed
    },
    current() {
      try {
        return statSync(path).ino === inode
      } catch {
        return false
      }
    },
    requests: new RequestViews(sql),
    conversations: new ConversationViews(sql),
    events: new EventViews(sql),
    cuts: new CutViews(sql),
    boots: {
      list: (limit) => boots(sql, limit),
      get: (name) => bootOf(sql, name),
      within: (from, to) => bootsWithin(sql, from, to),
    },
    usageSince: (ms) => usage.by('model', { ...all, since: Math.floor(ms / hourMs) }, 100),
    finishedAfter: (tick, limit) => finishedAfter(sql, tick, limit),
    facts: (limits = {}) => readFacts(sql, { boots: 50, checkpoints: 50, queues: 200, ...limits }),
    close: () => {
      db.close()
    },
  }
}

/** What the journal tells of itself, by any connection. */
function readFacts(sql: Sql, limits: { boots: number; checkpoints: number; queues: number }): JournalFacts {
  const totals = new Map(
    sql.all<{ state: string; n: number }>('SELECT state, n FROM totals').map(({ state, n }) => [state, n]),
  )
  const count = (state: string): number => totals.get(state) ?? 0
  const newest = sql.value<number | null>('SELECT max(seq) FROM events') ?? 0
  const lease = sql.one<{ epoch: number; tick: number }>('SELECT epoch, tick FROM lease')
  return {
    generation: lease?.epoch ?? 0,
    counts: {
      queued: count('queued'),
      processing: count('processing'),
      completed: count('completed'),
      failed: count('failed'),
      cancelled: count('cancelled'),
    },
    lost: count('lost'),
    last_seq: Math.max(newest, lease?.tick ?? 0),
    boots: boots(sql, limits.boots),
    checkpoints: checkpoints(sql, limits.checkpoints),
    queues: queuesOf(sql, limits.queues),
    ...holdsOf(sql, limits.queues),
    running: readRunning(sql),
  }
}

/** What is held; in a file that older code has made nothing is. */
function holdsOf(sql: Sql, limit: number): Pick<JournalFacts, 'holds' | 'held'> {
  if (sql.value("SELECT 1 FROM sqlite_schema WHERE name = 'holds'") === undefined) return { holds: [], held: 0 }
  const holds = new Holds(sql)
  const told = holds.list(limit).map((row) => describeHold(row, Date.now(), (at) => at))
  return { holds: told, held: holds.count() }
}

/**
 * Conversations with something queued or running, in the order in which they get their turn; those that wait last.
 * @param toWall what the machine's clock will show at a time of the journal's
 */
export function queuesOf(sql: Sql, limit: number, toWall = (at: number) => at): JournalFacts['queues'] {
  const columns = `c.*, ${runningColumn}`
  const rows = sql.all<ConversationRow>(
    `SELECT ${columns} FROM conversations c WHERE conversation IN
       (SELECT conversation FROM runs INDEXED BY runs_unfinished WHERE ended_at IS NULL LIMIT ?)`,
    limit,
  )
  for (const name of readyOf(new Lanes(sql), limit - rows.length))
    rows.push(...sql.all<ConversationRow>(`SELECT ${columns} FROM conversations c WHERE conversation = ?`, name))
  rows.push(
    ...sql.all<ConversationRow>(
      `SELECT ${columns} FROM conversations c INDEXED BY conversations_waiting
       WHERE not_before IS NOT NULL AND busy = 0 ORDER BY not_before LIMIT ?`,
      limit - rows.length,
    ),
  )
  return rows.map((row) => ({
    conversation: row.conversation,
    session_id: row.session_id,
    agent_id: row.agent_id,
    queued: row.queued,
    running: row.running,
    not_before: isoOrNull(row.not_before === null ? null : toWall(row.not_before)),
  }))
}

/** Lane by lane, so that nobody looks at more of them than are told. */
function readyOf(lanes: Lanes, limit: number): string[] {
  return [null, ...lanes.ready()]
    .flatMap((lane) => lanes.first(lane, limit))
    .concat(lanes.parked(limit))
    .sort((one, other) => one.head_tick - other.head_tick)
    .slice(0, limit)
    .map(({ conversation }) => conversation)
}

function readRunning(sql: Sql): JournalFacts['running'] {
  const rows = sql.all<RequestRow>(
    `SELECT ${requestColumns} FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
     WHERE u.ended_at IS NULL AND q.state = 'processing' ORDER BY u.id LIMIT 1000`,
  )
  return rows.map((row) => ({
    request_id: row.request_id,
    conversation: row.conversation,
    session_id: row.session_id,
    model: row.model,
    attempts: row.attempts,
    started_at: iso(row.started_at ?? 0),
  }))
}
