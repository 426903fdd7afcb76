-- What is not to be started, why and until when: one row for each cause. Times are those of the journal's own clock.
CREATE TABLE holds (
  scope TEXT NOT NULL,                   -- all | provider | model | agent | conversation
  name TEXT NOT NULL,                    -- of what is held; '' for all
  cause TEXT NOT NULL,                   -- limit | circuit | failure | budget | manual
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,                         -- NULL: until it is released; 0: it is over
  times INTEGER NOT NULL,                -- how often in a row it was found to be so
  probe INTEGER,                         -- runs.id of the request that was let through to see; it may have ended
  PRIMARY KEY (scope, name, cause)
) WITHOUT ROWID;
CREATE INDEX holds_until ON holds (until) WHERE until IS NOT NULL;

-- Failures in a row of providers whose circuit is closed: overload and network.
CREATE TABLE outages (
  provider TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  since INTEGER NOT NULL                 -- of the first of them, by the journal's clock
) WITHOUT ROWID;

-- What was said of one conversation, agent or the day, instead of what the settings say of all; NULL: nothing.
CREATE TABLE policies (
  scope TEXT NOT NULL,                   -- conversation | agent | day
  name TEXT NOT NULL,                    -- '' for the day
  on_failure TEXT,                       -- continue | hold
  tokens INTEGER,
  cost_usd REAL,
  PRIMARY KEY (scope, name)
) WITHOUT ROWID;

ALTER TABLE requests ADD COLUMN on_failure TEXT; -- continue | hold; NULL: as its conversation
-- What a conversation, and an agent on a day, has used.
CREATE INDEX token_usage_of_conversation ON token_usage (conversation);
CREATE INDEX token_usage_of_agent ON token_usage (agent_id, hour);
