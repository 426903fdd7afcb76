-- A run becomes a noun of the journal: the unfinished runs are the one place that says what is running. A request's id
-- is the tick of its acceptance, and what belongs to it is keyed by that number, so that everything grows at its end.

-- Applied migrations by their content: one that is edited later is told by name.
CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL);

-- Ticks are given out by the journal itself; this is what they never fall behind, whatever is trimmed.
ALTER TABLE lease ADD COLUMN tick INTEGER NOT NULL DEFAULT 0;
UPDATE lease SET tick = max(
  coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0),
  coalesce((SELECT max(seq) FROM events), 0),
  coalesce((SELECT max(tick) FROM checkpoints), 0),
  coalesce((SELECT max(max(accepted_tick, coalesce(started_tick, 0), coalesce(finished_tick, 0))) FROM requests), 0));

CREATE TABLE new_events (
  seq INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  request_id TEXT,
  data TEXT NOT NULL
);
INSERT INTO new_events SELECT seq, name, at, request_id, data FROM events;
DROP TABLE events;
ALTER TABLE new_events RENAME TO events;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,                -- the tick of its start
  run_id TEXT NOT NULL,
  request INTEGER NOT NULL,              -- requests.id
  conversation TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  runner_id TEXT,
  epoch INTEGER,
  started_at INTEGER NOT NULL,
  deadline INTEGER,                      -- epoch ms
  ended_at INTEGER,
  end TEXT                               -- completed | failed | cancelled | again | lost | never began
);
INSERT OR IGNORE INTO runs
  SELECT coalesce(started_tick, accepted_tick), coalesce(run_id, ''), accepted_tick, r.conversation, max(attempts, 1), runner_id, r.epoch,
    coalesce(started_at, queued_at), NULL,
    CASE WHEN state = 'processing' OR c.running = r.request_id THEN NULL ELSE coalesce(finished_at, started_at, queued_at) END,
    CASE WHEN state = 'processing' OR c.running = r.request_id THEN NULL ELSE state END
  FROM requests r LEFT JOIN conversations c USING (conversation)
  WHERE state <> 'queued' AND (run_id IS NOT NULL OR state = 'processing')
  ORDER BY state = 'processing' DESC, accepted_tick;

CREATE TABLE new_payloads (request INTEGER PRIMARY KEY, data TEXT NOT NULL);
INSERT OR IGNORE INTO new_payloads SELECT accepted_tick, data FROM requests JOIN payloads USING (request_id) ORDER BY accepted_tick;
DROP TABLE payloads;
ALTER TABLE new_payloads RENAME TO payloads;

CREATE TABLE new_outcomes (request INTEGER PRIMARY KEY, outcome TEXT NOT NULL);
INSERT OR IGNORE INTO new_outcomes SELECT accepted_tick, outcome FROM requests JOIN outcomes USING (request_id) ORDER BY accepted_tick;
DROP TABLE outcomes;
ALTER TABLE new_outcomes RENAME TO outcomes;

-- Up to where followers of the outbox have come.
CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, note TEXT) WITHOUT ROWID;
-- Response files: before the first whose lines may not be written.
INSERT INTO cursors SELECT 'responses', coalesce(
  (SELECT min(finished_tick) - 1 FROM requests WHERE file_due = 1),
  (SELECT tick FROM lease)), NULL;

CREATE TABLE new_requests (
  id INTEGER PRIMARY KEY,                -- the tick of its acceptance
  request_id TEXT NOT NULL,
  conversation TEXT NOT NULL,
  session_id TEXT,                       -- as asked for; once completed, as handed out
  agent_id TEXT,
  priority TEXT NOT NULL,                -- INJECT | ASYNC
  rank INTEGER NOT NULL,                 -- order within the conversation: 0 queued again, 1 INJECT, 2 ASYNC
  state TEXT NOT NULL,
  event TEXT NOT NULL,
  model TEXT NOT NULL,
  on_restart TEXT NOT NULL,
  digest TEXT NOT NULL,                  -- of the content: the same id with other content is an error
  client TEXT,
  queued_at INTEGER NOT NULL,
  finished_at INTEGER,
  finished_tick INTEGER,
  not_before INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  crash_count INTEGER NOT NULL DEFAULT 0,
  resumed_from TEXT
);
INSERT OR IGNORE INTO new_requests
  SELECT accepted_tick, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest,
    client, queued_at, finished_at, finished_tick, not_before, attempts, crash_count, resumed_from
  FROM requests ORDER BY accepted_tick;
DROP TABLE requests;
ALTER TABLE new_requests RENAME TO requests;
CREATE UNIQUE INDEX requests_by_name ON requests (request_id);
CREATE INDEX requests_queue ON requests (conversation, rank) WHERE state = 'queued';
CREATE INDEX requests_of_conversation ON requests (conversation);
CREATE INDEX requests_finished ON requests (finished_tick) WHERE finished_tick IS NOT NULL;
CREATE TRIGGER requests_accepted_total AFTER INSERT ON requests BEGIN
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;
CREATE TRIGGER requests_state_total AFTER UPDATE OF state ON requests WHEN old.state <> new.state BEGIN
  UPDATE totals SET n = n - 1 WHERE state = old.state;
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;

-- At most one running per conversation, ever: the database itself refuses a second.
CREATE UNIQUE INDEX runs_unfinished ON runs (conversation) WHERE ended_at IS NULL;
CREATE INDEX runs_of_request ON runs (request);

CREATE TABLE new_conversations (
  conversation TEXT PRIMARY KEY,
  session_id TEXT,                       -- the newest: the one to go on from
  agent_id TEXT,
  model TEXT,
  head_tick INTEGER,                     -- id of the next queued request
  not_before INTEGER,                    -- waits for another try until then
  busy INTEGER NOT NULL DEFAULT 0,       -- it has an unfinished run
  queued INTEGER NOT NULL DEFAULT 0,
  last_used_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO new_conversations (conversation, session_id, agent_id, model, last_used_at)
  SELECT conversation, session_id, agent_id, model, last_used_at FROM conversations;
DROP TABLE conversations;
ALTER TABLE new_conversations RENAME TO conversations;
-- Conversations that may start their next request, in the order those were accepted; and those that wait until then.
CREATE INDEX conversations_ready ON conversations (head_tick)
  WHERE head_tick IS NOT NULL AND busy = 0 AND not_before IS NULL;
CREATE INDEX conversations_waiting ON conversations (not_before) WHERE not_before IS NOT NULL AND busy = 0;

-- What a module gave to a checkpoint, as JSON with the version it was written in; or why it gave nothing.
CREATE TABLE module_states (
  module TEXT NOT NULL,
  checkpoint INTEGER NOT NULL,
  version INTEGER NOT NULL,
  state TEXT,
  error TEXT,
  PRIMARY KEY (module, checkpoint)
) WITHOUT ROWID;
INSERT OR IGNORE INTO module_states (module, checkpoint, version, state)
  SELECT j.key, c.id, 0, c.services -> j.fullkey FROM checkpoints c, json_each(c.services) j WHERE c.services <> '{}';
ALTER TABLE checkpoints DROP COLUMN services;
