-- What a checkpoint shows never changes: what has changed since, and cannot be told by ticks, is kept as it was.

-- The session a conversation went on from, up to (and not with) a tick. Written when it changes, once between two
-- checkpoints: what none has seen nobody asks for.
CREATE TABLE earlier_sessions (
  conversation TEXT NOT NULL,
  until INTEGER NOT NULL,
  session_id TEXT,
  PRIMARY KEY (conversation, until)
) WITHOUT ROWID;
CREATE INDEX earlier_sessions_until ON earlier_sessions (until);

-- Finished requests that were removed, trimmed or put under their id again, as long as a checkpoint shows them.
CREATE TABLE removed (
  id INTEGER PRIMARY KEY,                -- the tick of its acceptance
  request_id TEXT NOT NULL,
  conversation TEXT NOT NULL,
  session_id TEXT,
  agent_id TEXT,
  priority TEXT NOT NULL,
  state TEXT NOT NULL,
  event TEXT NOT NULL,
  model TEXT NOT NULL,
  on_restart TEXT NOT NULL,
  digest TEXT NOT NULL,
  client TEXT,
  queued_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  finished_tick INTEGER NOT NULL,
  first_run INTEGER,                     -- the tick of the start of its first run
  data TEXT NOT NULL,
  outcome TEXT NOT NULL
);
CREATE INDEX removed_finished ON removed (finished_tick);
