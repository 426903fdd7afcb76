-- What completions have used, as their providers told it. A run has its own, as JSON, as long as its request is kept;
-- the sums by hour stay longer.
ALTER TABLE runs ADD COLUMN usage TEXT;

CREATE TABLE token_usage (
  hour INTEGER NOT NULL,                 -- hours since 1970, UTC
  conversation TEXT NOT NULL,
  agent_id TEXT NOT NULL,                -- '' without one
  model TEXT NOT NULL,
  runs INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  cost_usd REAL,                         -- NULL: no provider told it
  PRIMARY KEY (hour, conversation, agent_id, model)
) WITHOUT ROWID;

-- Who handed a session out, since another provider cannot go on with it; NULL: only a client has named it. Claude's are
-- UUIDs, and until now there was but echo beside it.
ALTER TABLE sessions ADD COLUMN provider TEXT;
UPDATE sessions SET provider = CASE
  WHEN session_id GLOB '????????-????-????-????-????????????' THEN 'claude-cli' ELSE 'echo' END WHERE handed_out = 1;
ALTER TABLE sessions DROP COLUMN handed_out;
-- The history of a conversation is read from the files of its sessions.
CREATE INDEX sessions_of_conversation ON sessions (conversation, at);
