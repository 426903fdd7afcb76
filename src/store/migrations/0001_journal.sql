-- The journal. Times are epoch ms; a tick is the seq of the event that told of a transition.

-- Who may write: the generation whose epoch stands here. Every transaction checks it first.
CREATE TABLE lease (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  taken_at INTEGER NOT NULL
);
INSERT INTO lease VALUES (1, 0, '', 0);

-- The outbox: a state change and its event are one transaction; subscribers follow by seq.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  request_id TEXT,
  data TEXT NOT NULL
);

CREATE TABLE conversations (
  conversation TEXT PRIMARY KEY,
  session_id TEXT,                       -- the newest: the one to go on from
  agent_id TEXT,
  model TEXT,
  running TEXT,                          -- the request whose run has not ended
  head_tick INTEGER,                     -- accepted_tick of the next queued request
  not_before INTEGER,                    -- waits for another try until then
  queued INTEGER NOT NULL DEFAULT 0,
  last_used_at INTEGER NOT NULL
) WITHOUT ROWID;
-- Conversations that may start their next request, in the order those were accepted.
CREATE INDEX conversations_runnable ON conversations (head_tick) WHERE head_tick IS NOT NULL AND running IS NULL;
CREATE INDEX conversations_running ON conversations (running) WHERE running IS NOT NULL;

CREATE TABLE sessions (
  session_id TEXT PRIMARY KEY,
  conversation TEXT NOT NULL,
  at INTEGER NOT NULL,
  handed_out INTEGER NOT NULL            -- by a provider; 0: only named by a client so far
) WITHOUT ROWID;

CREATE TABLE agents (
  agent_id TEXT PRIMARY KEY,
  conversation TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE,
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
  started_at INTEGER,
  finished_at INTEGER,
  accepted_tick INTEGER NOT NULL,
  started_tick INTEGER,
  finished_tick INTEGER,
  not_before INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  in_hand INTEGER NOT NULL DEFAULT 0,    -- being dispatched, or its outcome being taken in, right now
  crash_count INTEGER NOT NULL DEFAULT 0,
  run_id TEXT,
  runner_id TEXT,
  epoch INTEGER,
  resumed_from TEXT,
  file_due INTEGER NOT NULL DEFAULT 0    -- the lines of its response file may not be written yet
);
CREATE INDEX requests_queue ON requests (conversation, rank, accepted_tick) WHERE state = 'queued';
-- At most one running per conversation, ever: the database itself refuses a second.
CREATE UNIQUE INDEX requests_one_running ON requests (conversation) WHERE state = 'processing';
CREATE INDEX requests_in_hand ON requests (id) WHERE in_hand = 1;
CREATE INDEX requests_file_due ON requests (id) WHERE file_due = 1;
CREATE INDEX requests_of_conversation ON requests (conversation, accepted_tick);
CREATE INDEX requests_accepted ON requests (accepted_tick);
CREATE INDEX requests_finished ON requests (finished_tick) WHERE finished_tick IS NOT NULL;

CREATE TABLE payloads (request_id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE outcomes (request_id TEXT PRIMARY KEY, outcome TEXT NOT NULL);

-- How many requests are in (or ended in) each state since the journal began.
CREATE TABLE totals (state TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO totals VALUES ('queued', 0), ('processing', 0), ('completed', 0), ('failed', 0), ('cancelled', 0), ('lost', 0);
CREATE TRIGGER requests_accepted_total AFTER INSERT ON requests BEGIN
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;
CREATE TRIGGER requests_state_total AFTER UPDATE OF state ON requests WHEN old.state <> new.state BEGIN
  UPDATE totals SET n = n - 1 WHERE state = old.state;
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;

-- Replies to events that change the journal, so that one sent again after a crash is not run twice.
CREATE TABLE replies (id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, reply TEXT NOT NULL);

CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tick INTEGER NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  generation INTEGER NOT NULL,
  queued INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  active TEXT NOT NULL,                  -- JSON list of the request ids that were processing
  files TEXT NOT NULL,
  services TEXT NOT NULL,                -- JSON: what the daemon's other services gave to checkpoint:collect
  restored_at INTEGER,
  restored_by INTEGER
);

CREATE TABLE boots (
  id INTEGER PRIMARY KEY,
  boot_id TEXT NOT NULL UNIQUE,
  generation INTEGER,
  cause TEXT NOT NULL,
  files TEXT NOT NULL,
  at INTEGER NOT NULL,
  live_at INTEGER,
  ended_at INTEGER,
  end TEXT,
  previous_end TEXT NOT NULL,
  previous_detail TEXT,
  phases TEXT NOT NULL,
  restored TEXT,
  error TEXT
);
