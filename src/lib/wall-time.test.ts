import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const src = resolve(import.meta.dirname, '..')
/** Not part of a ksi that runs. */
const notOurs = /(\.test\.ts$|(^|\/)(testing|bench|scenarios|torture)\/)/
const asksClock = /Date\.now\b|new Date\(\)|CURRENT_TIMESTAMP|'now'/

/**
 * Who may ask for the time on the wall, and why that decides nothing: no order, no time limit, no lease, no tick, and
 * nothing that is thrown away. The others have `performance.now()`, `steadyNow()` (lib/time.ts), the journal's clock
 * (store/forward-clock.ts) or `startAwakeTimer`.
 */
const allowed: Record<string, readonly string[]> = {
  'it is told to people, or written down for them': [
    'cli/commands/checkpoint.ts',
    'cli/commands/providers.ts',
    'cli/commands/status.ts',
    'cli/hold-lines.ts',
    'cli/smoke-report.ts',
    'contracts/wire.ts',
    'daemon/agents/agents.ts',
    'daemon/checkpoint/checkpoint.ts',
    'daemon/checkpoint/restore.ts',
    'daemon/completion/accept.ts',
    'daemon/completion/cancel.ts',
    'daemon/completion/dispatcher.ts',
    'daemon/completion/reconcile.ts',
    'daemon/completion/service-counts.ts',
    'daemon/completion/service.ts',
    'daemon/completion/settle.ts',
    'daemon/completion/streams.ts',
    'daemon/completion/taking-in.ts',
    'daemon/generation.ts',
    'daemon/health.ts',
    'daemon/modules/notes.ts',
    'daemon/monitor/log-stats.ts',
    'daemon/monitor/monitor.ts',
    'daemon/monitor/queries.ts',
    'daemon/opening.ts',
    'daemon/troubles.ts',
    'lib/plain-log.ts',
    'runner/host.ts',
    'runner/host/runner-process.ts',
    'runner/provider-states.ts',
    'runner/runs.ts',
    'sidecar/page/sections/containers.ts',
    'sidecar/reading.ts',
    'sidecar/sidecar.ts',
    'sidecar/status-hub.ts',
    'store/boots.ts',
    'store/outbox.ts',
    'store/reader.ts',
    'supervisor/answers.ts',
    'supervisor/children/runner-host.ts',
    'supervisor/front/client-connection.ts',
    'supervisor/front/connections.ts',
    'supervisor/front/poison.ts',
    'supervisor/generations/driver.ts',
    'supervisor/supervisor.ts',
    'supervisor/watch/main.ts',
    'supervisor/watch/watch.ts',
  ],
  'it is asked for: what happened in the last hours': ['daemon/agents/conversations.ts', 'daemon/completion/usage.ts'],
  'a name is made of it': ['cli/discarding.ts', 'lib/uuid.ts', 'store/journal-place.ts', 'store/salvage.ts'],
  'a provider gives a time of the clock': ['runner/providers/http-failure.ts', 'runner/providers/limits.ts'],
  'it is compared with a time of a file just changed: a jump makes it look once more': [
    'lib/preload.ts',
    'lib/source-hashes.ts',
  ],
  'a budget is of a day of the calendar, and waits by the clock of the journal': ['daemon/completion/budgets.ts'],
  'files are marked with it': ['runner/providers/claude-folder.ts'],
  'the engine is asked by it': ['sidecar/docker.ts'],
  'what goes forwards is made of it': ['store/forward-clock.ts'],
}

test('the time on the wall is asked for where it decides nothing, and nowhere else', () => {
  const asking = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|sql)$/.test(path) && !notOurs.test(path))
    .filter((path) => asksClock.test(readFileSync(join(src, path), 'utf8')))
  assert.deepEqual(asking.sort(), Object.values(allowed).flat().sort())
})
