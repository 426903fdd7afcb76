import type { Db } from './open.ts'
import { unfitValues } from './unfit.ts'

/** What must never be found in a journal, each with the query that finds it. */
const rules: Record<string, string> = {
  'a conversation whose count, head or wait is not that of its queue': `
    SELECT conversation FROM conversations c WHERE
      queued <> (SELECT count(*) FROM requests r WHERE r.conversation = c.conversation AND state = 'queued')
      OR head_tick IS NOT (SELECT id FROM requests r WHERE r.conversation = c.conversation AND state = 'queued'
        ORDER BY rank, id LIMIT 1)
      OR not_before IS NOT NULL AND not_before IS NOT (SELECT not_before FROM requests r WHERE r.id = c.head_tick)`,
  'a request under another name than it was accepted by': `
    SELECT r.request_id FROM requests r JOIN events e ON e.seq = r.id
    WHERE e.name = 'completion:queued' AND e.request_id IS NOT r.request_id`,
  'a conversation in the lane of another provider or model than those of its next request': `
    SELECT c.conversation FROM conversations c JOIN requests r ON r.id = c.head_tick
    WHERE lane < '~' AND lane <> r.model AND substr(r.model, 1, length(lane) + 1) <> lane || '/'`,
  'a conversation that is parked though nothing holds it': `
    SELECT c.conversation FROM conversations c JOIN requests r ON r.id = c.head_tick WHERE lane >= '~' AND NOT EXISTS (
      SELECT 1 FROM holds WHERE scope = 'conversation' AND name = c.conversation
        OR scope = 'agent' AND '~' || name = lane)`,
  'a conversation that is busy without a run, or the other way round': `
    SELECT conversation FROM conversations c
    WHERE busy <> EXISTS (SELECT 1 FROM runs u WHERE u.conversation = c.conversation AND u.ended_at IS NULL)`,
  'a request of no conversation': `
    SELECT request_id FROM requests WHERE conversation NOT IN (SELECT conversation FROM conversations)`,
  'a request that is under way without a run': `
    SELECT request_id FROM requests r WHERE state = 'processing'
      AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.request = r.id AND u.ended_at IS NULL)`,
  'a run that has not ended though its request has, or waits': `
    SELECT run_id FROM runs u JOIN requests r ON r.id = u.request
    WHERE u.ended_at IS NULL AND r.state NOT IN ('processing', 'cancelled')`,
  'a run of no request, or of another conversation than its request': `
    SELECT run_id FROM runs u LEFT JOIN requests r ON r.id = u.request WHERE r.conversation IS NOT u.conversation`,
  'two runs of a conversation at once': `
    SELECT conversation FROM runs WHERE ended_at IS NULL GROUP BY conversation HAVING count(*) > 1`,
  'a request that ended without an outcome, or has one and goes on': `
    SELECT request_id FROM requests r
    WHERE (finished_tick IS NOT NULL) <> EXISTS (SELECT 1 FROM outcomes o WHERE o.request = r.id)
      OR (finished_tick IS NOT NULL) <> (state IN ('completed', 'failed', 'cancelled'))`,
  'a waiting request without its content': `
    SELECT request_id FROM requests WHERE state = 'queued' AND id NOT IN (SELECT request FROM payloads)`,
  'content or an outcome of no request': `
    SELECT request FROM payloads WHERE request NOT IN (SELECT id FROM requests)
    UNION ALL SELECT request FROM outcomes WHERE request NOT IN (SELECT id FROM requests)`,
  'a total that is not that of the requests': `
    SELECT state FROM totals
    WHERE state IN ('queued', 'processing') AND n <> (SELECT count(*) FROM requests r WHERE r.state = totals.state)
      OR state IN ('completed', 'failed', 'cancelled') AND n < (SELECT count(*) FROM requests r
        WHERE r.state = totals.state)
    UNION ALL SELECT 'all' WHERE (SELECT count(*) FROM totals) < 6`,
  'no lease': `SELECT 'lease' WHERE NOT EXISTS (SELECT 1 FROM lease WHERE id = 1)`,
  'a tick that may be given out again': `
    SELECT 'lease' FROM lease WHERE max(tick, coalesce((SELECT max(seq) FROM events), 0)) <
      max(coalesce((SELECT max(id) FROM requests), 0), coalesce((SELECT max(finished_tick) FROM requests), 0),
        coalesce((SELECT max(id) FROM runs), 0))`,
}

/** What of a journal does not agree with a recount of it. */
export function disagreements(db: Db): string[] {
  return [...unfitValues(db), ...disagreeing(db)]
}

function disagreeing(db: Db): string[] {
  return Object.entries(rules).flatMap(([rule, query]) => {
    const found = db.prepare(query).pluck().all()
    return found.length === 0 ? [] : [`${rule}: ${found.slice(0, 5).map(String).join(', ')}`]
  })
}
