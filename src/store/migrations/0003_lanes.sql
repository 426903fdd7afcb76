-- Providers whose runs are limited in number: conversations whose next request is for one of them stand in a lane of
-- their own, so that those who wait for room there are never looked at by whoever looks for others.

CREATE TABLE lanes (provider TEXT PRIMARY KEY) WITHOUT ROWID;

ALTER TABLE conversations ADD COLUMN lane TEXT; -- of the next queued request; NULL: its provider has no limit
DROP INDEX conversations_ready;
CREATE INDEX conversations_ready ON conversations (lane, head_tick)
  WHERE head_tick IS NOT NULL AND busy = 0 AND not_before IS NULL;
