import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineEvents } from './engine-events.ts'
import { engineEvent } from './testing/fake-engine.ts'

function seen(events: EngineEvents): string[] {
  return events.events.map(
    ({ service, action, detail }) => `${service} ${action}${detail === null ? '' : `: ${detail}`}`,
  )
}

test('keeps the exit code of the pre_stop hook and hides the health probes', () => {
  const events = new EngineEvents()
  const lines = [
    engineEvent('daemon', 'exec_create: ksi health --quiet', { execID: '1' }),
    engineEvent('daemon', 'exec_start: ksi health --quiet', { execID: '1' }),
    engineEvent('daemon', 'exec_die', { execID: '1', exitCode: '0' }),
    engineEvent('daemon', 'exec_create: ksi checkpoint create', { execID: '2' }),
    engineEvent('daemon', 'exec_start: ksi checkpoint create', { execID: '2' }),
    engineEvent('sidecar', 'exec_start: node -e fetch(1)', { execID: '3' }),
    engineEvent('daemon', 'exec_die', { execID: '2', exitCode: '1' }),
    engineEvent('sidecar', 'exec_die', { execID: '3', exitCode: '0' }),
    engineEvent('sidecar', 'exec_die', { execID: 'unknown', exitCode: '0' }),
  ]
  const told = lines.map((line) => events.push(line))
  assert.deepEqual(seen(events), [
    'daemon exec_start: ksi checkpoint',
    'daemon exec_die: ksi checkpoint ended with code 1',
  ])
  assert.equal(told.filter(Boolean).length, 2)
})

test('a command is told without its arguments: they may hold a prompt, a token, a key', () => {
  const events = new EngineEvents()
  const commands = [
    'ksi send completion:async --prompt my secret',
    'ksi --address my-secret send',
    'ksi my-secret',
    'sh -c curl -H "x: my secret"',
    'node -e my-secret',
    '/usr/bin/env SECRET=my-secret sh',
  ]
  commands.forEach((command, n) => {
    events.push(engineEvent('daemon', `exec_create: ${command}`, { execID: String(n) }))
    events.push(engineEvent('daemon', `exec_start: ${command}`, { execID: String(n) }))
    events.push(engineEvent('daemon', 'exec_die', { execID: String(n), exitCode: '0' }))
  })
  assert.doesNotMatch(JSON.stringify(events.events), /secret/i)
  assert.deepEqual(
    seen(events).filter((line) => line.includes('exec_start')),
    ['ksi send', 'ksi', 'ksi', 'sh', 'node', '/usr/bin/env'].map((name) => `daemon exec_start: ${name}`),
  )
})

test('says what happened to a container in a few words', () => {
  const events = new EngineEvents()
  for (const [action, attributes] of [
    ['kill', { signal: '15' }],
    ['die', { exitCode: '137' }],
    ['oom', {}],
    ['health_status: healthy', {}],
    ['attach', {}],
  ] as [string, Record<string, string>][])
    events.push(engineEvent('daemon', action, attributes))
  assert.deepEqual(seen(events), [
    'daemon kill: signal 15',
    'daemon die: exit code 137',
    'daemon oom',
    'daemon health_status: healthy',
  ])
})

test('drops what a reconnect sends again, other types and broken lines', () => {
  const events = new EngineEvents()
  const line = engineEvent('daemon', 'start')
  assert.equal(events.sinceSeconds, undefined)
  assert.deepEqual(
    [events.push(line), events.push(line), events.push('{"Type":"network"}'), events.push('{"Type":')],
    [true, false, false, false],
  )
  assert.equal(events.sinceSeconds, Math.floor(Date.parse(events.events[0]?.at ?? '') / 1_000))
})

test('keeps the newest fifty', () => {
  const events = new EngineEvents()
  for (let exitCode = 0; exitCode < 60; exitCode++)
    events.push(engineEvent('daemon', 'die', { exitCode: String(exitCode) }))
  assert.equal(events.events.length, 50)
  assert.equal(events.events.at(-1)?.detail, 'exit code 59')
})
