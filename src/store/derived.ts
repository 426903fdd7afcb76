import { headOfQueue } from './lanes.ts'
import type { Db } from './open.ts'

/*
 * What follows from requests and runs, worked out anew: after a migration that moves them, and after a salvage.
 * The verbs of `Requests` and `Runs` keep the same rows in step one at a time.
 */

/** Brings runs, heads, counts and ticks into line with the requests. Nothing that is acknowledged goes. */
export function rebuildDerived(db: Db): void {
  db.exec(`${runs}; ${conversations}; ${totals}; ${ticks}`)
}

// Whose a run is, its request says; where another runs there, this one is ended first.
const renamed = `UPDATE OR IGNORE runs SET conversation = r.conversation FROM requests r
    WHERE r.id = runs.request AND r.conversation IS NOT runs.conversation`

// A run without a request runs for nobody. One whose request is not under way has ended. A request that is under way
// without a run is told as lost by the restore: its run has no runner.
const runs = `
  DELETE FROM runs WHERE request NOT IN (SELECT id FROM requests);
  ${renamed};
  UPDATE runs SET ended_at = started_at, end = 'lost'
    WHERE ended_at IS NULL AND request IN (SELECT id FROM requests WHERE state IN ('queued', 'completed', 'failed'));
  UPDATE runs SET ended_at = started_at, end = 'lost'
    WHERE ended_at IS NULL AND conversation <> (SELECT conversation FROM requests WHERE id = runs.request);
  ${renamed};
  UPDATE runs SET ended_at = started_at, end = 'lost' WHERE ended_at IS NULL
    AND request IN (SELECT id FROM requests WHERE state = 'cancelled') AND conversation IN (
      SELECT q.conversation FROM requests q WHERE q.state = 'processing');
  UPDATE requests SET state = 'queued', rank = 0 WHERE state = 'processing'
    AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.request = requests.id AND u.ended_at IS NULL)
    AND (EXISTS (SELECT 1 FROM runs u WHERE u.conversation = requests.conversation AND u.ended_at IS NULL)
      OR EXISTS (SELECT 1 FROM requests o
        WHERE o.conversation = requests.conversation AND o.state = 'processing' AND o.id < requests.id));
  INSERT INTO runs (id, run_id, request, conversation, attempt, started_at)
    SELECT (SELECT max(tick, coalesce((SELECT max(id) FROM runs), 0)) FROM lease) + row_number() OVER (ORDER BY q.id),
      '', q.id, q.conversation, max(q.attempts, 1), q.queued_at
    FROM requests q WHERE q.state = 'processing'
      AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.request = q.id AND u.ended_at IS NULL)`

const conversations = `
  INSERT OR IGNORE INTO conversations (conversation, session_id, agent_id, model, last_used_at)
    SELECT conversation, session_id, agent_id, model, max(queued_at) FROM requests GROUP BY conversation;
  UPDATE conversations SET queued = 0, head_tick = NULL, not_before = NULL, lane = NULL, busy = 0;
  UPDATE conversations SET queued = q.n
    FROM (SELECT conversation, count(*) AS n FROM requests WHERE state = 'queued' GROUP BY conversation) q
    WHERE q.conversation = conversations.conversation;
  UPDATE conversations SET ${headOfQueue('conversations.conversation')} WHERE queued > 0;
  UPDATE conversations SET busy = 1
    WHERE conversation IN (SELECT conversation FROM runs INDEXED BY runs_unfinished WHERE ended_at IS NULL)`

const totals = `
  UPDATE totals SET n = (SELECT count(*) FROM requests WHERE state = totals.state)
    WHERE state IN ('queued', 'processing')`

/** Ticks go on above every tick in use, also when the newest events were lost: they are the order of the queues. */
const ticks = `
  UPDATE lease SET tick = max(tick,
    coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(tick) FROM checkpoints), 0),
    coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(id) FROM requests), 0),
    coalesce((SELECT max(finished_tick) FROM requests), 0))`
