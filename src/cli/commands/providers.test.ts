import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDaemon } from '../../client/testing/fake-daemon.ts'
import { runKsi } from '../testing/run-ksi.ts'

test('providers shows what each lacks and how its last run ended, and never more than it is told', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
  const path = join(dir, 'daemon.sock')
  const daemon = await new FakeDaemon({ path }).start()
  const never = { healthy: null, completed: 0, failed: 0, last_success: null, last_failure: null, last_error: null }
  const quiet = { running: 0, holds: [] }
  const ago = new Date(Date.now() - 5_000).toISOString()
  const states = [
    {
      ...never,
      ...quiet,
      provider: 'openai',
      configured: false,
      problem: 'Set OPENAI_API_KEY where the runner is started.',
    },
    {
      ...never,
      ...quiet,
      provider: 'echo',
      configured: true,
      problem: null,
      healthy: true,
      completed: 2,
      last_success: ago,
    },
    {
      ...never,
      ...quiet,
      provider: 'anthropic',
      configured: true,
      problem: null,
      healthy: false,
      failed: 1,
      last_failure: ago,
      last_error: 'anthropic: 529 Overloaded',
    },
  ]
  daemon.answers['completion:provider_status'] = ({ provider }) => ({
    providers: states.filter((state) => provider === undefined || state.provider === provider),
  })
  const { code, stdout } = await runKsi(['providers', '--socket', path])
  assert.equal(code, 0)
  assert.match(stdout, /^openai\/… +not configured: Set OPENAI_API_KEY where the runner is started\. *$/m)
  assert.match(stdout, /^echo\/… +healthy +2 completed, 0 failed, last 5\.\d s ago$/m)
  assert.match(stdout, /^anthropic\/… +failing +0 completed, 1 failed, last 5\.\d s ago: anthropic: 529 Overloaded$/m)
  const one = await runKsi(['providers', 'echo', '--json', '--socket', path])
  assert.deepEqual(JSON.parse(one.stdout), { providers: [states[1]] })
  await daemon.stop()
  rmSync(dir, { recursive: true, force: true })
})
