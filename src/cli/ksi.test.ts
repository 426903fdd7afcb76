import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitCodes } from '../lib/errors.ts'
import { readSettings } from '../contracts/settings.ts'
import { commandTable } from './command-table.ts'
import { asksForToken, findPlace, readingTokenPath, tokenPath } from './place.ts'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { runKsi } from './testing/run-ksi.ts'
import type { Ended } from './testing/run-ksi.ts'

let dir: string
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
})
after(() => rmSync(dir, { recursive: true, force: true }))

test('--help shows examples first, every command and every exit code', async () => {
  const { code, stdout, stderr } = await runKsi(['--help'])
  assert.equal(code, 0)
  assert.equal(stderr, '')
  const names = Object.keys(commandTable)
  for (const name of names) assert.match(stdout, new RegExp(`^  ${name} +[A-Z]`, 'm'))
  for (const exitCode of Object.values(exitCodes)) assert.match(stdout, new RegExp(`^  ${exitCode} +\\w`, 'm'))
  assert.ok(stdout.indexOf('Examples') < stdout.indexOf('Commands'))
})

test('every command has its help, with examples first', async () => {
  for (const [name, { load }] of Object.entries(commandTable)) {
    const command = await load()
    assert.ok(command.usage.startsWith(name), name)
    assert.ok(command.examples.length > 0, name)
  }
  const { code, stdout } = await runKsi(['checkpoint', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /Examples[^]*\$ ksi checkpoint create[^]*Usage {2}ksi checkpoint[^]*--best-effort/)
  assert.equal((await runKsi(['help', 'checkpoint'])).stdout, stdout)
})

test('a command line that is not right exits with 64 and says what is meant', async () => {
  const cases: [string[], RegExp][] = [
    [['statsu'], /no command "statsu"\. Did you mean "status"\?/],
    [['sned'], /no command "sned"\. Did you mean "send"\?/],
    [['strat'], /no command "strat"\. Did you mean "start"\?/],
    [['toString'], /no command "toString"/],
    [['status', '--nonsense'], /--nonsense/],
    [['status', '--jsn'], /--jsn'\. Did you mean "--json"\?/],
    [['status', 'extra', 'words'], /"extra", "words".*ksi status/],
    [['checkpoint', 'show', '1', '2', '3'], /"2", "3"/],
    [['checkpoint', 'shwo'], /Did you mean "show"\?/],
    [['status', '--timeout', '99999m'], /from 1ms to a day/],
    [['status', '--timeout'], /--timeout/],
    [['status', '--timeout', 'soon'], /"soon" is no length of time/],
    [['status', '--address', 'http://x'], /no address/],
    [['checkpoint'], /checkpoint create\|list\|show/],
    [[], /ksi runs LLM/],
  ]
  const results = await Promise.all(cases.map(([args]) => runKsi(args)))
  results.forEach(({ code, stdout, stderr }, n) => {
    assert.equal(code, 64, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, cases[n]?.[1] ?? /never/)
  })
})

test('with nobody there a command exits with 69 and says how to start, with --json as data too', async () => {
  const { code, stdout, stderr } = await runKsi(['status', '--json', '--root', dir])
  assert.equal(code, 69)
  assert.match(stderr, /No ksi answers at unix:.*daemon\.sock \(there is no such socket\).*ksi start/)
  assert.equal((JSON.parse(stdout) as { code: string }).code, 'KSI_UNREACHABLE')
})

test('--version tells the version of the package', async () => {
  const { code, stdout } = await runKsi(['--version'])
  assert.equal(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a broken source file is told as such, and does not fail a pre_stop hook', async () => {
  for (const name of ['ksi.js', 'pinned-node.js']) copyFileSync(join(import.meta.dirname, name), join(dir, name))
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  writeFileSync(join(dir, 'main.ts'), 'export const main = (')
  const program = join(dir, 'ksi.js')
  const broken = await runKsi(['status'], { program })
  assert.equal(broken.code, 70)
  assert.match(broken.stderr, /ksi could not run: .*main\.ts/s)
  const hook = await runKsi(['checkpoint', 'create', '--best-effort'], { program })
  assert.equal(hook.code, 0)
  assert.match(hook.stderr, /ksi could not run/)
})

test('the files of a ksi are where the settings of the daemon put them', () => {
  const place = findPlace({}, { KSI_ROOT: '/some/root' })
  const { paths } = readSettings({ KSI_ROOT: '/some/root' })
  assert.deepEqual(
    { root: place.root, address: place.address, pidFile: place.pidFile, log: place.logFile },
    { root: paths.root, address: `unix:${paths.socket}`, pidFile: paths.pidFile, log: paths.log },
  )
  assert.deepEqual([tokenPath('/some/root'), readingTokenPath('/some/root')], [paths.token, paths.readingToken])
  for (const env of [{}, { KSI_TOKEN: '' }, { KSI_TOKEN: 'auto' }, { KSI_PUBLISHED: '127.0.0.1:1' }])
    assert.equal(asksForToken(env), readSettings(env).asksForToken, JSON.stringify(env))
})

test('times are local, and UTC where that is asked for', async () => {
  const at = (args: string[]): Promise<Ended> =>
    runKsi(['checkpoint', 'list', '--socket', path, ...args], { env: { TZ: 'America/New_York' } })
  const path = join(dir, 'times.sock')
  await using daemon = await new FakeDaemon({ path }).start()
  const one = { id: 1, tick: 1, at: '2026-07-01T02:00:00.000Z', reason: 'manual' as const, generation: 1, queued: 0 }
  const rest = { active: 0, sessions: 0, files: [], restored_at: null, restored_by: null, module_failures: [] }
  daemon.answers['dev:checkpoint'] = () => ({ checkpoints: [{ ...one, ...rest }] })
  assert.match((await at([])).stdout, /2026-06-30 22:00:00 /)
  assert.match((await at(['--utc'])).stdout, /2026-07-01 02:00:00Z /)
})

test('options name the ksi before the environment does', () => {
  const env = { KSI_ROOT: '/env', KSI_DAEMON_ADDRESS: 'tcp://daemon:4310', KSI_TOKEN: '' }
  assert.equal(findPlace({}, env).address, 'tcp://daemon:4310')
  assert.equal(findPlace({ root: '/given' }, env).address, 'unix:/given/var/run/daemon.sock')
  assert.equal(findPlace({ socket: '/a.sock' }, env).address, 'unix:/a.sock')
  assert.equal(findPlace({ address: 'localhost:1' }, env).address, 'localhost:1')
  assert.equal(findPlace({}, env).token, undefined)
})
