import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from '../../contracts/settings.ts'
import { readHostSettings } from './host-settings.ts'

test('the host reads by hand what the schema of all settings says', () => {
  for (const more of [
    {},
    { KSI_DRAIN_MS: '5', KSI_RUNNER_LINGER_MS: '0', KSI_SPARE: 'off', KSI_RUNNER: 'elsewhere' },
  ]) {
    const env = { KSI_ROOT: '/tmp/x', KSI_BOOT_TIMEOUT_MS: '', ...more }
    const host = readHostSettings(env)
    const all = readSettings(env)
    assert.deepEqual(
      [host.root, host.runDir, host.socket, host.alone],
      [all.paths.root, all.paths.run, all.paths.runnerHost, all.KSI_RUNNER === 'elsewhere'],
    )
    assert.deepEqual([host.logLevel, host.spare], [all.KSI_LOG_LEVEL, all.KSI_SPARE])
    assert.deepEqual(
      [host.bootMs, host.heartbeatMs, host.drainMs, host.lingerMs],
      [all.KSI_BOOT_TIMEOUT_MS, all.KSI_HEARTBEAT_MS, all.KSI_DRAIN_MS, all.KSI_RUNNER_LINGER_MS],
    )
  }
  for (const wrong of [{}, { KSI_ROOT: '/x', KSI_DRAIN_MS: 'soon' }, { KSI_ROOT: '/x', KSI_HEARTBEAT_MS: '1' }])
    assert.throws(() => readHostSettings(wrong), /KSI_(ROOT is not set|\w+_MS is)/)
})
