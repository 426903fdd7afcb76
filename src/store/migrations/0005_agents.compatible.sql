-- Agents that have said who they are (agent:register); any other is known by its first request.
CREATE TABLE registered_agents (
  agent_id TEXT PRIMARY KEY,
  info TEXT NOT NULL,                    -- JSON, as the agent gave it
  at INTEGER NOT NULL
) WITHOUT ROWID;

-- Sessions are listed by when they began.
CREATE INDEX sessions_by_time ON sessions (at);
