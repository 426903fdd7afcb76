-- A journal of 7f409d6 (schema 1) that holds everything: made by that code, kept as text.
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE lease (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  taken_at INTEGER NOT NULL
);
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
CREATE TABLE payloads (request_id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE outcomes (request_id TEXT PRIMARY KEY, outcome TEXT NOT NULL);
CREATE TABLE totals (state TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
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
INSERT INTO lease (id, epoch, boot_id, taken_at) VALUES (1, 1, 'boot', 1795552748722);
INSERT INTO events (seq, name, at, request_id, data) VALUES (1, 'completion:queued', 1795552748734, 'done-1', '{"request_id":"done-1","conversation":"done","session_id":"done","agent_id":"agent-a","priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (2, 'completion:progress', 1795552748735, 'done-1', '{"request_id":"done-1"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (3, 'completion:result', 1795552748736, 'done-1', '{"request_id":"done-1","conversation":"done","session_id":"done-s1","agent_id":"agent-a","result":{"ksi":{"provider":"echo","request_id":"done-1","timestamp":"2026-11-24T20:39:08.735Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s1"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (4, 'completion:queued', 1795552748736, 'done-2', '{"request_id":"done-2","conversation":"done","session_id":"done","agent_id":"agent-a","priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (5, 'completion:progress', 1795552748736, 'done-2', '{"request_id":"done-2"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (6, 'completion:result', 1795552748737, 'done-2', '{"request_id":"done-2","conversation":"done","session_id":"done-s2","agent_id":"agent-a","result":{"ksi":{"provider":"echo","request_id":"done-2","timestamp":"2026-11-24T20:39:08.737Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s2"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (7, 'completion:queued', 1795552748737, 'done-3', '{"request_id":"done-3","conversation":"done","session_id":"done","agent_id":"agent-a","priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (8, 'completion:progress', 1795552748737, 'done-3', '{"request_id":"done-3"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (9, 'completion:result', 1795552748737, 'done-3', '{"request_id":"done-3","conversation":"done","session_id":"done-s3","agent_id":"agent-a","result":{"ksi":{"provider":"echo","request_id":"done-3","timestamp":"2026-11-24T20:39:08.737Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s3"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (10, 'checkpoint:saved', 1795552748737, NULL, '{"reason":"manual","generation":1,"queued":0,"active":0}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (11, 'completion:queued', 1795552748738, 'due-1', '{"request_id":"due-1","conversation":"due","session_id":"due","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (12, 'completion:progress', 1795552748738, 'due-1', '{"request_id":"due-1"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (13, 'completion:result', 1795552748738, 'due-1', '{"request_id":"due-1","conversation":"due","session_id":"due","agent_id":null,"result":{"ksi":{"provider":"echo","request_id":"due-1","timestamp":"2026-11-24T20:39:08.738Z","duration_ms":5},"response":{"result":"done","session_id":"due"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (14, 'completion:queued', 1795552748738, 'due-2', '{"request_id":"due-2","conversation":"due","session_id":"due","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (15, 'completion:progress', 1795552748738, 'due-2', '{"request_id":"due-2"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (16, 'completion:result', 1795552748739, 'due-2', '{"request_id":"due-2","conversation":"due","session_id":"due","agent_id":null,"result":{"ksi":{"provider":"echo","request_id":"due-2","timestamp":"2026-11-24T20:39:08.739Z","duration_ms":5},"response":{"result":"done","session_id":"due"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (17, 'completion:queued', 1795552748739, 'plain', '{"request_id":"plain","conversation":"3d1e2406-460b-4b99-a1ea-a8bcf9b46c03","session_id":null,"agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (18, 'completion:progress', 1795552748739, 'plain', '{"request_id":"plain"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (19, 'completion:result', 1795552748739, 'plain', '{"request_id":"plain","conversation":"3d1e2406-460b-4b99-a1ea-a8bcf9b46c03","session_id":null,"agent_id":null,"result":{"ksi":{"provider":"echo","request_id":"plain","timestamp":"2026-11-24T20:39:08.739Z","duration_ms":5},"response":{"result":"done"}}}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (20, 'completion:queued', 1795552748739, 'failed', '{"request_id":"failed","conversation":"failing","session_id":"failing","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (21, 'completion:progress', 1795552748739, 'failed', '{"request_id":"failed"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (22, 'completion:failed', 1795552748740, 'failed', '{"request_id":"failed","conversation":"failing","session_id":"failing","agent_id":null,"reason":"provider_error","message":"overloaded","error":"overloaded"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (23, 'completion:error', 1795552748740, 'failed', '{"request_id":"failed","conversation":"failing","session_id":"failing","agent_id":null,"reason":"provider_error","message":"overloaded","error":"overloaded"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (24, 'completion:queued', 1795552748740, 'lost', '{"request_id":"lost","conversation":"losing","session_id":"losing","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (25, 'completion:progress', 1795552748740, 'lost', '{"request_id":"lost"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (26, 'completion:failed', 1795552748740, 'lost', '{"request_id":"lost","conversation":"losing","session_id":"losing","agent_id":null,"reason":"daemon_restart","message":"The request was running when its runner went down; what it had done is lost","error":"The request was running when its runner went down; what it had done is lost","started_at":"2026-11-24T20:39:08.740Z","client_info":null}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (27, 'completion:queued', 1795552748740, 'again', '{"request_id":"again","conversation":"again","session_id":"again","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (28, 'completion:progress', 1795552748741, 'again', '{"request_id":"again"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (29, 'completion:queued', 1795552748741, 'again', '{"request_id":"again","conversation":"again","session_id":"again","agent_id":null,"priority":"ASYNC","model":"echo/echo","again":true}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (30, 'completion:queued', 1795552748741, 'again-behind', '{"request_id":"again-behind","conversation":"again","session_id":"again","agent_id":null,"priority":"INJECT","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (31, 'completion:queued', 1795552748741, 'retry', '{"request_id":"retry","conversation":"retrying","session_id":"retrying","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (32, 'completion:progress', 1795552748741, 'retry', '{"request_id":"retry"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (33, 'completion:progress', 1795552748741, 'retry', '{"request_id":"retry","conversation":"retrying","status":"retrying","attempt":1,"max_attempts":3,"error":"overloaded","next_try_at":"2026-11-24T21:39:08.741Z"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (34, 'completion:queued', 1795552748742, 'retry-behind', '{"request_id":"retry-behind","conversation":"retrying","session_id":"retrying","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (35, 'completion:queued', 1795552748742, 'q1-1', '{"request_id":"q1-1","conversation":"q1","session_id":"q1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (36, 'completion:queued', 1795552748742, 'q1-2', '{"request_id":"q1-2","conversation":"q1","session_id":"q1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (37, 'completion:queued', 1795552748742, 'q1-3', '{"request_id":"q1-3","conversation":"q1","session_id":"q1","agent_id":null,"priority":"INJECT","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (38, 'completion:queued', 1795552748742, 'q2-1', '{"request_id":"q2-1","conversation":"q2","session_id":"q2","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (39, 'completion:queued', 1795552748742, 'q2-2', '{"request_id":"q2-2","conversation":"q2","session_id":"q2","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (40, 'completion:queued', 1795552748742, 'q2-3', '{"request_id":"q2-3","conversation":"q2","session_id":"q2","agent_id":null,"priority":"INJECT","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (41, 'completion:queued', 1795552748742, 'q3-1', '{"request_id":"q3-1","conversation":"q3","session_id":"q3","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (42, 'completion:queued', 1795552748742, 'q3-2', '{"request_id":"q3-2","conversation":"q3","session_id":"q3","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (43, 'completion:queued', 1795552748742, 'q3-3', '{"request_id":"q3-3","conversation":"q3","session_id":"q3","agent_id":null,"priority":"INJECT","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (44, 'completion:queued', 1795552748743, 'of-agent', '{"request_id":"of-agent","conversation":"aa6a1161-5c20-49b6-aa74-ef0ddc551b8e","session_id":null,"agent_id":"agent-b","priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (45, 'completion:queued', 1795552748743, 'named', '{"request_id":"named","conversation":"named","session_id":null,"agent_id":"agent-a","priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (46, 'completion:queued', 1795552748743, 'runs-1', '{"request_id":"runs-1","conversation":"run1","session_id":"run1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (47, 'completion:progress', 1795552748743, 'runs-1', '{"request_id":"runs-1"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (48, 'completion:queued', 1795552748744, 'runs-1-behind', '{"request_id":"runs-1-behind","conversation":"run1","session_id":"run1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (49, 'completion:queued', 1795552748744, 'runs-2', '{"request_id":"runs-2","conversation":"run2","session_id":"run2","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (50, 'completion:progress', 1795552748744, 'runs-2', '{"request_id":"runs-2"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (51, 'completion:queued', 1795552748744, 'runs-done', '{"request_id":"runs-done","conversation":"done","session_id":"done-s1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (52, 'completion:progress', 1795552748744, 'runs-done', '{"request_id":"runs-done"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (53, 'completion:queued', 1795552748745, 'cancelled-queued', '{"request_id":"cancelled-queued","conversation":"q1","session_id":"q1","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (54, 'completion:cancelled', 1795552748745, 'cancelled-queued', '{"request_id":"cancelled-queued","conversation":"q1","session_id":"q1","agent_id":null,"was":"queued"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (55, 'completion:queued', 1795552748745, 'cancelled-running', '{"request_id":"cancelled-running","conversation":"blocked","session_id":"blocked","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (56, 'completion:progress', 1795552748745, 'cancelled-running', '{"request_id":"cancelled-running"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (57, 'completion:queued', 1795552748745, 'blocked-behind', '{"request_id":"blocked-behind","conversation":"blocked","session_id":"blocked","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (58, 'completion:cancelled', 1795552748745, 'cancelled-running', '{"request_id":"cancelled-running","conversation":"blocked","session_id":"blocked","agent_id":null,"was":"processing"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (59, 'completion:queued', 1795552748745, 'blamed', '{"request_id":"blamed","conversation":"blamed","session_id":"blamed","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (60, 'completion:queued', 1795552748746, 'poison', '{"request_id":"poison","conversation":"poison","session_id":"poison","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (61, 'completion:failed', 1795552748746, 'poison', '{"request_id":"poison","conversation":"poison","session_id":"poison","agent_id":null,"reason":"poison","message":"The daemon died 2 times while this request was being started; it is set aside so that its conversation can go on","error":"The daemon died 2 times while this request was being started; it is set aside so that its conversation can go on"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (62, 'completion:queued', 1795552748746, 'in-hand', '{"request_id":"in-hand","conversation":"hand","session_id":"hand","agent_id":null,"priority":"ASYNC","model":"echo/echo"}');
INSERT INTO events (seq, name, at, request_id, data) VALUES (63, 'checkpoint:saved', 1795552748746, NULL, '{"reason":"reload","generation":1,"queued":19,"active":3}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('events', 63);
INSERT INTO sqlite_sequence (name, seq) VALUES ('checkpoints', 2);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('3d1e2406-460b-4b99-a1ea-a8bcf9b46c03', NULL, NULL, 'echo/echo', NULL, NULL, NULL, 0, 1795552748739);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('aa6a1161-5c20-49b6-aa74-ef0ddc551b8e', NULL, 'agent-b', 'echo/echo', NULL, 44, NULL, 1, 1795552748743);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('again', 'again', NULL, 'echo/echo', NULL, 27, NULL, 2, 1795552748741);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('blamed', 'blamed', NULL, 'echo/echo', NULL, 59, NULL, 1, 1795552748745);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('blocked', 'blocked', NULL, 'echo/echo', 'cancelled-running', 57, NULL, 1, 1795552748745);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('done', 'done-s3', 'agent-a', 'echo/echo', 'runs-done', NULL, NULL, 0, 1795552748744);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('due', 'due', NULL, 'echo/echo', NULL, NULL, NULL, 0, 1795552748739);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('failing', 'failing', NULL, 'echo/echo', NULL, NULL, NULL, 0, 1795552748739);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('hand', 'hand', NULL, 'echo/echo', NULL, 62, NULL, 1, 1795552748746);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('losing', 'losing', NULL, 'echo/echo', NULL, NULL, NULL, 0, 1795552748740);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('named', NULL, 'agent-a', 'echo/echo', NULL, 45, NULL, 1, 1795552748743);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('poison', 'poison', NULL, 'echo/echo', NULL, NULL, NULL, 0, 1795552748746);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('q1', 'q1', NULL, 'echo/echo', NULL, 37, NULL, 3, 1795552748745);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('q2', 'q2', NULL, 'echo/echo', NULL, 40, NULL, 3, 1795552748742);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('q3', 'q3', NULL, 'echo/echo', NULL, 43, NULL, 3, 1795552748742);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('retrying', 'retrying', NULL, 'echo/echo', NULL, 31, 1795556348741, 2, 1795552748742);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('run1', 'run1', NULL, 'echo/echo', 'runs-1', 48, NULL, 1, 1795552748744);
INSERT INTO conversations (conversation, session_id, agent_id, model, running, head_tick, not_before, queued, last_used_at) VALUES ('run2', 'run2', NULL, 'echo/echo', 'runs-2', NULL, NULL, 0, 1795552748744);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('again', 'again', 1795552748740, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('blamed', 'blamed', 1795552748745, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('blocked', 'blocked', 1795552748745, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('done', 'done', 1795552748734, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('done-s1', 'done', 1795552748735, 1);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('done-s2', 'done', 1795552748737, 1);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('done-s3', 'done', 1795552748737, 1);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('due', 'due', 1795552748738, 1);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('failing', 'failing', 1795552748739, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('hand', 'hand', 1795552748746, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('losing', 'losing', 1795552748740, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('poison', 'poison', 1795552748746, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('q1', 'q1', 1795552748742, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('q2', 'q2', 1795552748742, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('q3', 'q3', 1795552748742, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('retrying', 'retrying', 1795552748741, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('run1', 'run1', 1795552748743, 0);
INSERT INTO sessions (session_id, conversation, at, handed_out) VALUES ('run2', 'run2', 1795552748744, 0);
INSERT INTO agents (agent_id, conversation) VALUES ('agent-a', 'named');
INSERT INTO agents (agent_id, conversation) VALUES ('agent-b', 'aa6a1161-5c20-49b6-aa74-ef0ddc551b8e');
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (1, 'done-1', 'done', 'done-s1', 'agent-a', 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', 'Vepm/udZWMiC6qc57W/gcPbMxSc=', 'null', 1795552748734, 1795552748735, 1795552748735, 1, 2, 3, NULL, 1, 0, 0, 'run-done-1', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (2, 'done-2', 'done', 'done-s2', 'agent-a', 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', 'xJw4SXTtUjP6wU/9pR03yEUl3a8=', 'null', 1795552748736, 1795552748736, 1795552748737, 4, 5, 6, NULL, 1, 0, 0, 'run-done-2', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (3, 'done-3', 'done', 'done-s3', 'agent-a', 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', 'hasfwWCEhK1s21JZIhV/nF7y8rw=', 'null', 1795552748737, 1795552748737, 1795552748737, 7, 8, 9, NULL, 1, 0, 0, 'run-done-3', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (4, 'due-1', 'due', 'due', NULL, 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', '/3C2gpiWAP8zM/y1Al/7GhK15Ck=', 'null', 1795552748738, 1795552748738, 1795552748738, 11, 12, 13, NULL, 1, 0, 0, 'run-due-1', '1', 1, NULL, 1);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (5, 'due-2', 'due', 'due', NULL, 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', '/3C2gpiWAP8zM/y1Al/7GhK15Ck=', 'null', 1795552748738, 1795552748738, 1795552748739, 14, 15, 16, NULL, 1, 0, 0, 'run-due-2', '1', 1, NULL, 1);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (6, 'plain', '3d1e2406-460b-4b99-a1ea-a8bcf9b46c03', NULL, NULL, 'ASYNC', 2, 'completed', 'completion:async', 'echo/echo', 'fail', 'VAQDKzuYuwpbh3U8RMxhmsGKVko=', 'null', 1795552748739, 1795552748739, 1795552748739, 17, 18, 19, NULL, 1, 0, 0, 'run-plain', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (7, 'failed', 'failing', 'failing', NULL, 'ASYNC', 2, 'failed', 'completion:async', 'echo/echo', 'fail', 'PBYb8D5af6xUlWy9uszjhwm+PUU=', 'null', 1795552748739, 1795552748739, 1795552748740, 20, 21, 22, NULL, 1, 0, 0, 'run-failed', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (8, 'lost', 'losing', 'losing', NULL, 'ASYNC', 2, 'failed', 'completion:async', 'echo/echo', 'fail', 'IXBEX80kNp8Yi0JNIxDVh0BLvF0=', 'null', 1795552748740, 1795552748740, 1795552748740, 24, 25, 26, NULL, 1, 0, 0, 'run-lost', '1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (9, 'again', 'again', 'again', NULL, 'ASYNC', 0, 'queued', 'completion:async', 'echo/echo', 'requeue', 'G2+gdI87HdobnuVeWon4FPt+CS8=', 'null', 1795552748740, NULL, NULL, 27, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (10, 'again-behind', 'again', 'again', NULL, 'INJECT', 1, 'queued', 'completion:async', 'echo/echo', 'fail', 't33vOq7gum3XB2IgmD5jog9HjbQ=', 'null', 1795552748741, NULL, NULL, 30, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (11, 'retry', 'retrying', 'retrying', NULL, 'ASYNC', 0, 'queued', 'completion:async', 'echo/echo', 'fail', '7gmv2K9TxyN8S1YZQMPInnRdnls=', 'null', 1795552748741, NULL, NULL, 31, NULL, NULL, 1795556348741, 1, 0, 0, NULL, NULL, 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (12, 'retry-behind', 'retrying', 'retrying', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', '7gmv2K9TxyN8S1YZQMPInnRdnls=', 'null', 1795552748742, NULL, NULL, 34, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (13, 'q1-1', 'q1', 'q1', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'Cm3G5flVXFV/+/UaPRFviKRjwqo=', 'null', 1795552748742, NULL, NULL, 35, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (14, 'q1-2', 'q1', 'q1', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'j2Urr6TvDVPBBNuiSMLznmE132M=', 'null', 1795552748742, NULL, NULL, 36, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (15, 'q1-3', 'q1', 'q1', NULL, 'INJECT', 1, 'queued', 'completion:async', 'echo/echo', 'fail', 'aLO7S2+RCr8PBPOzec21bJTGMiM=', 'null', 1795552748742, NULL, NULL, 37, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (16, 'q2-1', 'q2', 'q2', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'WBFahZwZ6hkoQxw2ZiL03VrLk6E=', 'null', 1795552748742, NULL, NULL, 38, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (17, 'q2-2', 'q2', 'q2', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'wlH5gbf7qbAZ7vitC24LMYXelUo=', 'null', 1795552748742, NULL, NULL, 39, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (18, 'q2-3', 'q2', 'q2', NULL, 'INJECT', 1, 'queued', 'completion:async', 'echo/echo', 'fail', 'Ij0i7J8IyTfHXHfqqa3PwCNZsJU=', 'null', 1795552748742, NULL, NULL, 40, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (19, 'q3-1', 'q3', 'q3', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', '8/IUtg3S/7/z6PnfpyA6AF+b7U4=', 'null', 1795552748742, NULL, NULL, 41, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (20, 'q3-2', 'q3', 'q3', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'x+jQmEUKD8LArUaFApt/WYi/YfY=', 'null', 1795552748742, NULL, NULL, 42, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (21, 'q3-3', 'q3', 'q3', NULL, 'INJECT', 1, 'queued', 'completion:async', 'echo/echo', 'fail', 'LscCm24N7zokLl6re/WUnDw6W6A=', 'null', 1795552748742, NULL, NULL, 43, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (22, 'of-agent', 'aa6a1161-5c20-49b6-aa74-ef0ddc551b8e', NULL, 'agent-b', 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'MOs2152j0XPGMd81MeUVgq46doM=', 'null', 1795552748743, NULL, NULL, 44, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (23, 'named', 'named', NULL, 'agent-a', 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'Y45PaHyDgZXRLwKZTYCW/In4yBw=', 'null', 1795552748743, NULL, NULL, 45, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (24, 'runs-1', 'run1', 'run1', NULL, 'ASYNC', 2, 'processing', 'completion:async', 'echo/echo', 'fail', 'hbhANzFsIlGzKDfBa6yCu7cGf+0=', 'null', 1795552748743, 1795552748743, NULL, 46, 47, NULL, NULL, 1, 0, 0, 'run-runs-1', 'r1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (25, 'runs-1-behind', 'run1', 'run1', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'hbhANzFsIlGzKDfBa6yCu7cGf+0=', 'null', 1795552748744, NULL, NULL, 48, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (26, 'runs-2', 'run2', 'run2', NULL, 'ASYNC', 2, 'processing', 'completion:async', 'echo/echo', 'fail', 'B5pcqCrgQFKcvxK1XyQp0S8aSuY=', 'null', 1795552748744, 1795552748744, NULL, 49, 50, NULL, NULL, 1, 0, 0, 'run-runs-2', 'r1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (27, 'runs-done', 'done', 'done-s1', NULL, 'ASYNC', 2, 'processing', 'completion:async', 'echo/echo', 'fail', 'gxrY2Y6zliBssPcX/G/Sqds2XnA=', 'null', 1795552748744, 1795552748744, NULL, 51, 52, NULL, NULL, 1, 0, 0, 'run-runs-done', 'r2', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (28, 'cancelled-queued', 'q1', 'q1', NULL, 'ASYNC', 2, 'cancelled', 'completion:async', 'echo/echo', 'fail', '1qqEfqo/j9f/axmSho58ZYoWh8U=', 'null', 1795552748745, NULL, 1795552748745, 53, NULL, 54, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (29, 'cancelled-running', 'blocked', 'blocked', NULL, 'ASYNC', 2, 'cancelled', 'completion:async', 'echo/echo', 'fail', '5fnMgh1m9ShRaTqdgpr2vmORWg4=', 'null', 1795552748745, 1795552748745, 1795552748745, 55, 56, 58, NULL, 1, 0, 0, 'run-cancelled-running', 'r1', 1, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (30, 'blocked-behind', 'blocked', 'blocked', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', '5fnMgh1m9ShRaTqdgpr2vmORWg4=', 'null', 1795552748745, NULL, NULL, 57, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (31, 'blamed', 'blamed', 'blamed', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'RRGcgZhvcCh3fNwbNi0suaD/yrI=', 'null', 1795552748745, NULL, NULL, 59, NULL, NULL, NULL, 0, 0, 1, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (32, 'poison', 'poison', 'poison', NULL, 'ASYNC', 2, 'failed', 'completion:async', 'echo/echo', 'fail', 'vMcXUrydrxbN7dA73Pcm1MvpRv8=', 'null', 1795552748746, NULL, 1795552748746, 60, NULL, 61, NULL, 0, 0, 2, NULL, NULL, NULL, NULL, 0);
INSERT INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, started_at, finished_at, accepted_tick, started_tick, finished_tick, not_before, attempts, in_hand, crash_count, run_id, runner_id, epoch, resumed_from, file_due) VALUES (33, 'in-hand', 'hand', 'hand', NULL, 'ASYNC', 2, 'queued', 'completion:async', 'echo/echo', 'fail', 'Fq6DY8g0t8/nV6aLYxX9O8RqkTE=', 'null', 1795552748746, NULL, NULL, 62, NULL, NULL, NULL, 0, 1, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO payloads (request_id, data) VALUES ('done-1', '{"prompt":"prüfen 1","request_id":"done-1","session_id":"done","agent_id":"agent-a"}');
INSERT INTO payloads (request_id, data) VALUES ('done-2', '{"prompt":"prüfen 2","request_id":"done-2","session_id":"done","agent_id":"agent-a"}');
INSERT INTO payloads (request_id, data) VALUES ('done-3', '{"prompt":"prüfen 3","request_id":"done-3","session_id":"done","agent_id":"agent-a"}');
INSERT INTO payloads (request_id, data) VALUES ('due-1', '{"prompt":"hello","request_id":"due-1","session_id":"due"}');
INSERT INTO payloads (request_id, data) VALUES ('due-2', '{"prompt":"hello","request_id":"due-2","session_id":"due"}');
INSERT INTO payloads (request_id, data) VALUES ('plain', '{"prompt":"hello","request_id":"plain"}');
INSERT INTO payloads (request_id, data) VALUES ('failed', '{"prompt":"hello","request_id":"failed","session_id":"failing"}');
INSERT INTO payloads (request_id, data) VALUES ('lost', '{"prompt":"hello","request_id":"lost","session_id":"losing"}');
INSERT INTO payloads (request_id, data) VALUES ('again', '{"prompt":"hello","request_id":"again","session_id":"again","on_restart":"requeue"}');
INSERT INTO payloads (request_id, data) VALUES ('again-behind', '{"prompt":"hello","request_id":"again-behind","session_id":"again"}');
INSERT INTO payloads (request_id, data) VALUES ('retry', '{"prompt":"hello","request_id":"retry","session_id":"retrying"}');
INSERT INTO payloads (request_id, data) VALUES ('retry-behind', '{"prompt":"hello","request_id":"retry-behind","session_id":"retrying"}');
INSERT INTO payloads (request_id, data) VALUES ('q1-1', '{"prompt":"say 1","request_id":"q1-1","session_id":"q1"}');
INSERT INTO payloads (request_id, data) VALUES ('q1-2', '{"prompt":"say 2","request_id":"q1-2","session_id":"q1"}');
INSERT INTO payloads (request_id, data) VALUES ('q1-3', '{"prompt":"say 3","request_id":"q1-3","session_id":"q1"}');
INSERT INTO payloads (request_id, data) VALUES ('q2-1', '{"prompt":"say 1","request_id":"q2-1","session_id":"q2"}');
INSERT INTO payloads (request_id, data) VALUES ('q2-2', '{"prompt":"say 2","request_id":"q2-2","session_id":"q2"}');
INSERT INTO payloads (request_id, data) VALUES ('q2-3', '{"prompt":"say 3","request_id":"q2-3","session_id":"q2"}');
INSERT INTO payloads (request_id, data) VALUES ('q3-1', '{"prompt":"say 1","request_id":"q3-1","session_id":"q3"}');
INSERT INTO payloads (request_id, data) VALUES ('q3-2', '{"prompt":"say 2","request_id":"q3-2","session_id":"q3"}');
INSERT INTO payloads (request_id, data) VALUES ('q3-3', '{"prompt":"say 3","request_id":"q3-3","session_id":"q3"}');
INSERT INTO payloads (request_id, data) VALUES ('of-agent', '{"messages":[{"role":"user","content":"hi"}],"request_id":"of-agent","agent_id":"agent-b"}');
INSERT INTO payloads (request_id, data) VALUES ('named', '{"prompt":"hello","request_id":"named","conversation_id":"named","agent_id":"agent-a"}');
INSERT INTO payloads (request_id, data) VALUES ('runs-1', '{"prompt":"hello","request_id":"runs-1","session_id":"run1"}');
INSERT INTO payloads (request_id, data) VALUES ('runs-1-behind', '{"prompt":"hello","request_id":"runs-1-behind","session_id":"run1"}');
INSERT INTO payloads (request_id, data) VALUES ('runs-2', '{"prompt":"hello","request_id":"runs-2","session_id":"run2"}');
INSERT INTO payloads (request_id, data) VALUES ('runs-done', '{"prompt":"hello","request_id":"runs-done","session_id":"done-s1"}');
INSERT INTO payloads (request_id, data) VALUES ('cancelled-queued', '{"prompt":"hello","request_id":"cancelled-queued","session_id":"q1"}');
INSERT INTO payloads (request_id, data) VALUES ('cancelled-running', '{"prompt":"hello","request_id":"cancelled-running","session_id":"blocked"}');
INSERT INTO payloads (request_id, data) VALUES ('blocked-behind', '{"prompt":"hello","request_id":"blocked-behind","session_id":"blocked"}');
INSERT INTO payloads (request_id, data) VALUES ('blamed', '{"prompt":"hello","request_id":"blamed","session_id":"blamed"}');
INSERT INTO payloads (request_id, data) VALUES ('poison', '{"prompt":"hello","request_id":"poison","session_id":"poison"}');
INSERT INTO payloads (request_id, data) VALUES ('in-hand', '{"prompt":"hello","request_id":"in-hand","session_id":"hand"}');
INSERT INTO outcomes (request_id, outcome) VALUES ('done-1', '{"result":{"ksi":{"provider":"echo","request_id":"done-1","timestamp":"2026-11-24T20:39:08.735Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s1"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('done-2', '{"result":{"ksi":{"provider":"echo","request_id":"done-2","timestamp":"2026-11-24T20:39:08.737Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s2"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('done-3', '{"result":{"ksi":{"provider":"echo","request_id":"done-3","timestamp":"2026-11-24T20:39:08.737Z","duration_ms":5,"agent_id":"agent-a"},"response":{"result":"done","session_id":"done-s3"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('due-1', '{"result":{"ksi":{"provider":"echo","request_id":"due-1","timestamp":"2026-11-24T20:39:08.738Z","duration_ms":5},"response":{"result":"done","session_id":"due"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('due-2', '{"result":{"ksi":{"provider":"echo","request_id":"due-2","timestamp":"2026-11-24T20:39:08.739Z","duration_ms":5},"response":{"result":"done","session_id":"due"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('plain', '{"result":{"ksi":{"provider":"echo","request_id":"plain","timestamp":"2026-11-24T20:39:08.739Z","duration_ms":5},"response":{"result":"done"}}}');
INSERT INTO outcomes (request_id, outcome) VALUES ('failed', '{"reason":"provider_error","message":"overloaded"}');
INSERT INTO outcomes (request_id, outcome) VALUES ('lost', '{"reason":"daemon_restart","message":"The request was running when its runner went down; what it had done is lost","started_at":"2026-11-24T20:39:08.740Z","client_info":null}');
INSERT INTO outcomes (request_id, outcome) VALUES ('cancelled-queued', '{"reason":"cancelled"}');
INSERT INTO outcomes (request_id, outcome) VALUES ('cancelled-running', '{"reason":"cancelled"}');
INSERT INTO outcomes (request_id, outcome) VALUES ('poison', '{"reason":"poison","message":"The daemon died 2 times while this request was being started; it is set aside so that its conversation can go on"}');
INSERT INTO totals (state, n) VALUES ('cancelled', 2);
INSERT INTO totals (state, n) VALUES ('completed', 6);
INSERT INTO totals (state, n) VALUES ('failed', 3);
INSERT INTO totals (state, n) VALUES ('lost', 1);
INSERT INTO totals (state, n) VALUES ('processing', 3);
INSERT INTO totals (state, n) VALUES ('queued', 19);
INSERT INTO replies (id, event_id, reply) VALUES (1, 'event-1 completion:async', '[{"request_id":"done-1","status":"queued"}]');
INSERT INTO replies (id, event_id, reply) VALUES (2, 'event-2 completion:cancel', '[{"request_id":"x","status":"cancelled"}]');
INSERT INTO checkpoints (id, tick, at, reason, generation, queued, sessions, active, files, services, restored_at, restored_by) VALUES (1, 10, 1795552748737, 'manual', 1, 0, 0, '[]', '[]', '{"notes":{"list":[1,"zwei",null]},"jobs":"text","done":true}', NULL, NULL);
INSERT INTO checkpoints (id, tick, at, reason, generation, queued, sessions, active, files, services, restored_at, restored_by) VALUES (2, 63, 1795552748746, 'reload', 1, 19, 11, '["runs-done","runs-1","runs-2"]', '["src/daemon/health.ts"]', '{"notes":{"list":[1,"zwei",null]},"jobs":"text","done":true}', NULL, NULL);
INSERT INTO boots (id, boot_id, generation, cause, files, at, live_at, ended_at, end, previous_end, previous_detail, phases, restored, error) VALUES (1, 'boot-1', 1, 'start', '[]', 1795552748732, 1795552748732, 1795552748732, 'handover', 'none', NULL, '{"total":210}', '{"queued":0,"adopted":0,"requeued":0,"lost":0,"poisoned":0,"recovered_outcomes":0}', NULL);
INSERT INTO boots (id, boot_id, generation, cause, files, at, live_at, ended_at, end, previous_end, previous_detail, phases, restored, error) VALUES (2, 'boot-x', NULL, 'save', '["src/daemon/broken.ts"]', 1795552748732, NULL, 1795552748732, 'failed', 'none', NULL, '{}', NULL, '{"message":"SyntaxError: no","code":"ERR","stack":"at line 1"}');
INSERT INTO boots (id, boot_id, generation, cause, files, at, live_at, ended_at, end, previous_end, previous_detail, phases, restored, error) VALUES (3, 'boot-2', 2, 'save', '["src/daemon/health.ts"]', 1795552748732, 1795552748732, 1795552748746, 'handover', 'handover', NULL, '{}', '{"queued":0,"adopted":0,"requeued":0,"lost":0,"poisoned":0,"recovered_outcomes":0}', NULL);
INSERT INTO boots (id, boot_id, generation, cause, files, at, live_at, ended_at, end, previous_end, previous_detail, phases, restored, error) VALUES (4, 'boot-3', 3, 'crash', '[]', 1795552748746, NULL, NULL, NULL, 'handover', NULL, '{}', NULL, NULL);
CREATE INDEX conversations_runnable ON conversations (head_tick) WHERE head_tick IS NOT NULL AND running IS NULL;
CREATE INDEX conversations_running ON conversations (running) WHERE running IS NOT NULL;
CREATE INDEX requests_queue ON requests (conversation, rank, accepted_tick) WHERE state = 'queued';
CREATE UNIQUE INDEX requests_one_running ON requests (conversation) WHERE state = 'processing';
CREATE INDEX requests_in_hand ON requests (id) WHERE in_hand = 1;
CREATE INDEX requests_file_due ON requests (id) WHERE file_due = 1;
CREATE INDEX requests_of_conversation ON requests (conversation, accepted_tick);
CREATE INDEX requests_accepted ON requests (accepted_tick);
CREATE INDEX requests_finished ON requests (finished_tick) WHERE finished_tick IS NOT NULL;
CREATE TRIGGER requests_accepted_total AFTER INSERT ON requests BEGIN
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;
CREATE TRIGGER requests_state_total AFTER UPDATE OF state ON requests WHEN old.state <> new.state BEGIN
  UPDATE totals SET n = n - 1 WHERE state = old.state;
  UPDATE totals SET n = n + 1 WHERE state = new.state;
END;
PRAGMA user_version = 1;
COMMIT;
