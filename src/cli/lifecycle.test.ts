import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { sampleHealth } from '../client/testing/samples.ts'
import { isAlive } from './pid-file.ts'
import { runKsi, startKsi } from './testing/run-ksi.ts'
import type { Ended } from './testing/run-ksi.ts'

/*
 * Each test has a root whose supervisor is made for these tests, so that commands start and stop a real process.
 */
const fakeSupervisor = pathToFileURL(join(import.meta.dirname, 'testing/fake-supervisor.ts')).href
let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-root-'))
  mkdirSync(join(root, 'src/supervisor'), { recursive: true })
  writeFileSync(join(root, 'src/supervisor/main.ts'), `await import('${fakeSupervisor}')\n`)
})
afterEach(() => {
  const pid = supervisorPid()
  if (pid !== undefined && pid !== process.pid && isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

function supervisorPid(): number | undefined {
  const file = join(root, 'var/run/ksi_daemon.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

const ksi = (args: string[], env: Record<string, string> = {}): Promise<Ended> =>
  runKsi([...args, '--root', root], { env })

test('start serves in the background, start again says so, stop waits for its end, stop again says so', async () => {
  const started = await ksi(['start'])
  assert.equal(started.code, 0, started.stderr)
  assert.match(started.stdout, /ksi serves, \d+ ms after the start/)
  const pid = supervisorPid()
  assert.ok(pid !== undefined && isAlive(pid))
  assert.match(started.stdout, new RegExp(`pid +${pid}\\n`))
  assert.match(readFileSync(join(root, 'var/logs/daemon.log'), 'utf8'), /fake supervisor in production mode/)
  const again = await ksi(['start', '--json'])
  assert.deepEqual(
    [again.code, JSON.parse(again.stdout).status, JSON.parse(again.stdout).pid],
    [0, 'already running', pid],
  )
  const stopped = await ksi(['stop'])
  assert.deepEqual([stopped.code, stopped.stdout], [0, 'ksi has ended.\n'])
  assert.ok(!existsSync(join(root, 'var/run/ksi_daemon.pid')))
  const gone = await ksi(['stop', '--json'])
  assert.deepEqual([gone.code, gone.stdout], [0, '{"status":"not running"}\n'])
})

test('stop says what goes on; --discard asks, and puts the journal aside for a start that begins empty', async () => {
  const journal = join(root, 'var/db/checkpoint.db')
  mkdirSync(join(root, 'var/db'), { recursive: true })
  for (const suffix of ['', '-wal']) writeFileSync(journal + suffix, `journal${suffix}`)
  const env = { FAKE_QUEUED: '3', FAKE_JOURNAL: journal }
  assert.equal((await ksi(['start'], env)).code, 0)
  const asked = await ksi(['stop', '--discard'])
  assert.equal(asked.code, 64)
  assert.match(asked.stderr, /3 requests queued and 1 running will not go on at the next start\. Say so with --yes/)
  assert.equal((await ksi(['health'])).code, 0, 'it runs on')
  const stopped = await ksi(['stop'])
  assert.match(stopped.stdout, /^ksi has ended\.\n3 requests queued and 1 running: they go on at the next start\.\n$/)
  assert.ok(existsSync(journal))
  assert.equal((await ksi(['start'], env)).code, 0)
  const discarded = JSON.parse((await ksi(['stop', '--discard', '--yes', '--json'])).stdout)
  assert.deepEqual([discarded.status, discarded.queued, discarded.kept], ['stopped', 3, true])
  assert.equal(readFileSync(discarded.discarded, 'utf8'), 'journal')
  assert.equal(readFileSync(`${discarded.discarded}-wal`, 'utf8'), 'journal-wal')
  assert.ok(!existsSync(journal) && !existsSync(`${journal}-wal`))
  assert.equal((await ksi(['stop', '--discard', '--yes', '--socket', '/x.sock'])).code, 64)
})

test('a ksi that dies at its start is told with the last lines of its log and its exit code', async () => {
  mkdirSync(join(root, 'var/logs'), { recursive: true })
  writeFileSync(join(root, 'var/logs/daemon.log'), 'a line of an earlier run\n')
  const { code, stderr, stdout } = await ksi(['start'], { FAKE_EXIT: '73' })
  assert.equal(code, 73)
  assert.equal(stdout, '')
  assert.match(stderr, /exit code 73[^]*var\/db cannot be written/)
  assert.doesNotMatch(stderr, /an earlier run/)
  assert.equal((await ksi(['start'], { FAKE_EXIT: '0' })).code, 1)
})

test('a start that takes too long says so and leaves it running', async () => {
  const { code, stderr } = await ksi(['start', '--timeout', '500ms'], { FAKE_UNHEALTHY: '1' })
  assert.equal(code, 75)
  assert.match(stderr, /does not serve after 500 ms[^]*ksi stop/)
  assert.equal((await ksi(['stop'])).stdout, 'ksi has ended.\n')
})

test('a supervisor that answers nobody is stopped by SIGTERM; one that ignores that too is named', async () => {
  const deaf = startKsi(['dev', '--root', root], { env: { FAKE_DEAF: '1' } })
  await deaf.until('stdout', /deaf/)
  const stuck = await ksi(['stop', '--timeout', '300ms'])
  assert.equal(stuck.code, 75)
  assert.match(stuck.stderr, /\(pid \d+\) still runs 300 ms after/)
  const stopped = await ksi(['stop'])
  assert.deepEqual([stopped.code, stopped.stdout], [0, 'ksi has ended.\n'])
  assert.equal((await deaf.ended).code, 3)
})

test('a pid file that names a stranger harms nobody', async () => {
  mkdirSync(join(root, 'var/run'), { recursive: true })
  writeFileSync(join(root, 'var/run/ksi_daemon.pid'), `${process.pid}\n`)
  assert.equal((await ksi(['stop'])).stdout, 'ksi was not running.\n')
})

test('restart replaces the process, and starts one where none was', async () => {
  assert.equal((await ksi(['restart'])).code, 0)
  const first = supervisorPid()
  assert.equal((await ksi(['restart'])).code, 0)
  const second = supervisorPid()
  assert.ok(first !== undefined && second !== undefined && first !== second)
  assert.ok(!isAlive(first))
  await ksi(['stop'])
})

test('dev runs the supervisor here, passes signals on once more, exits with its code; restart spares it', async () => {
  const dev = startKsi(['dev', '--root', root])
  await dev.until('stdout', /fake supervisor in dev mode, IPC channel: false/)
  await dev.until('stdout', /listening/)
  const restart = await ksi(['restart'])
  assert.equal(restart.code, 1)
  assert.match(restart.stderr, /dev mode in another terminal[^]*npm run dev/)
  dev.child.kill('SIGINT')
  const { code, stdout } = await dev.ended
  assert.equal(code, 5)
  assert.match(stdout, /got SIGINT/)
})

test('start --foreground stays, in production mode, until SIGTERM', async () => {
  const start = startKsi(['start', '--foreground', '--root', root])
  await start.until('stdout', /production mode[^]*listening/)
  start.child.kill('SIGTERM')
  const { code, stdout } = await start.ended
  assert.equal(code, 0)
  assert.match(stdout, /got SIGTERM/)
})

test('a root without a ksi is named, before anything is made there', async () => {
  rmSync(join(root, 'src'), { recursive: true })
  const { code, stderr } = await ksi(['start'])
  assert.equal(code, 78)
  assert.match(stderr, /There is no ksi in .*--root/)
  assert.ok(!existsSync(join(root, 'var')))
})

test('token makes one once, --new replaces it, KSI_TOKEN is shown as it is, only where there is a ksi', async () => {
  const first = await ksi(['token'])
  assert.deepEqual([first.code, first.stderr], [0, ''])
  assert.match(first.stdout, /^[\w-]{43}\n$/)
  assert.equal((await ksi(['token'])).stdout, first.stdout)
  const next = (await ksi(['token', '--new', '--json'])).stdout
  assert.notEqual(JSON.parse(next).token, first.stdout.trim())
  assert.equal(JSON.parse(next).asked_for, true)
  const given = { KSI_TOKEN: 'a value of mine' }
  assert.equal((await ksi(['token'], given)).stdout, 'a value of mine\n')
  assert.equal((await ksi(['token', '--new'], given)).code, 64)
  const open = await ksi(['token'], { KSI_PUBLISHED: '127.0.0.1:4310' })
  assert.match(open.stderr, /TCP does not ask for it here/)
  rmSync(join(root, 'src'), { recursive: true })
  rmSync(join(root, 'var'), { recursive: true })
  for (const command of ['token', 'page']) assert.equal((await ksi([command])).code, 78)
  assert.ok(!existsSync(join(root, 'var')))
})

test('page links to where the page should be when there is no daemon: it outlives it', async () => {
  const { stdout } = await ksi(['page'], { KSI_SIDECAR_PORT: '4399' })
  const token = readFileSync(join(root, 'var/reading/token'), 'utf8').trim()
  assert.equal(stdout, `http://127.0.0.1:4399/?token=${token}\n`)
  const open = await ksi(['page', '--json'], { KSI_PUBLISHED: '127.0.0.1:4310' })
  assert.deepEqual(JSON.parse(open.stdout), { url: 'http://127.0.0.1:4311/' })
})

test('from a subfolder the ksi of the checkout around it is meant, with what its .env says', async () => {
  const below = join(root, 'src/supervisor')
  writeFileSync(
    join(root, '.env'),
    "KSI_SIDECAR_PORT=4398 # the page's\nKSI_TOKEN='from the file'\nKSI_SIDECAR_HOST=\n",
  )
  const from = (args: string[], env: Record<string, string> = {}): Promise<Ended> => runKsi(args, { cwd: below, env })
  assert.equal((await from(['token'])).stdout, 'from the file\n')
  assert.equal((await from(['token'], { KSI_TOKEN: 'from the shell' })).stdout, 'from the shell\n')
  assert.match((await from(['page'])).stdout, /^http:\/\/127\.0\.0\.1:4398\//)
  writeFileSync(join(root, 'key'), 'from a file of its own\n')
  assert.equal((await from(['token'], { KSI_TOKEN: '', KSI_TOKEN_FILE: 'key' })).stdout, 'from a file of its own\n')
  assert.equal((await from(['token'], { KSI_TOKEN_FILE: 'none' })).code, 78)
  const started = await from(['start'])
  assert.equal(started.code, 0, started.stderr)
  assert.equal((await from(['health'])).code, 0)
  assert.equal((await from(['stop'])).stdout, 'ksi has ended.\n')
})

test('a ksi of another container is not started or stopped from here, with the command that does', async () => {
  for (const verb of ['start', 'stop', 'restart']) {
    const { code, stderr } = await runKsi([verb], { cwd: root, env: { KSI_DAEMON_ADDRESS: 'tcp://daemon:4310' } })
    assert.equal(code, 64)
    assert.match(stderr, new RegExp(`docker compose ${verb} daemon`))
  }
  const env = { KSI_DAEMON_ADDRESS: 'tcp://daemon:4310', COMPOSE_PROJECT_NAME: 'mine', PATH: '/nowhere' }
  for (const [command, does] of [
    ['restart', 'restart daemon'],
    ['logs', 'logs daemon'],
  ] as const) {
    const { stderr } = await runKsi([command], { cwd: root, env })
    assert.match(stderr, new RegExp(`\`docker compose -p mine -f compose.yaml ${does}\` on the host does this`))
  }
})

test('with the engine at hand it is Docker that starts and stops the ksi of another container', async () => {
  const bin = join(root, 'engine')
  mkdirSync(bin)
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    KSI_DAEMON_ADDRESS: 'tcp://daemon:4310',
    COMPOSE_PROJECT_NAME: 'mine',
  }
  const engine = (state: string): void =>
    writeFileSync(
      join(bin, 'docker'),
      `#!/bin/sh\n[ "$2" = ps ] && echo ${state} && exit\necho "ran $*" >&2\n[ "$2" != stop ]\n`,
      { mode: 0o755 },
    )
  for (const [state, verb, ran, exit] of [
    ['running', 'restart', 'restart', 0],
    ['exited', 'restart', 'start', 0],
    ['exited', 'start', 'start', 0],
    ['running', 'stop', 'stop', 1],
  ] as const) {
    engine(state)
    const { code, stdout, stderr } = await runKsi([verb], { cwd: root, env })
    assert.deepEqual([code, stdout, stderr], [exit, '', `docker compose ${ran} daemon\nran compose ${ran} daemon\n`])
  }
  const { stdout } = await runKsi(['restart', '--json'], { cwd: root, env })
  assert.deepEqual(JSON.parse(stdout), { status: 'done', by: 'docker compose restart daemon' })
  // No container, or an address that is none of the project's: nothing is done.
  engine('')
  assert.equal((await runKsi(['stop'], { cwd: root, env })).code, 64)
  engine('running')
  const other = { ...env, KSI_DAEMON_ADDRESS: 'tcp://elsewhere:4310' }
  assert.equal((await runKsi(['stop'], { cwd: root, env: other })).code, 64)
})

test('where no socket answers, the port that was set is tried, and the one of Docker for this checkout', async () => {
  await using daemon = await new FakeDaemon({ host: '127.0.0.1', port: 0 }).start()
  daemon.answers['system:health'] = () => sampleHealth({ generation: 7, uptime: 1 })
  const port = String(daemon.port)
  assert.equal((await ksi(['health'], { KSI_PORT: port })).code, 0)
  const { code, stderr } = await ksi(['health'], { KSI_PORT: '1' })
  assert.deepEqual([code, stderr.includes('daemon.sock')], [69, true])
  // A docker that says what the real one does.
  const bin = join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'docker'),
    `#!/bin/sh\n[ "$PWD $*" = "${root} compose port daemon 4310" ] && echo 127.0.0.1:${port}\n`,
    { mode: 0o755 },
  )
  const env = { PATH: `${bin}:/usr/bin:/bin` }
  assert.equal((await ksi(['health'], env)).code, 69, 'without a compose.yaml nobody asks')
  writeFileSync(join(root, 'compose.yaml'), '')
  assert.equal((await ksi(['health'], env)).code, 0)
  assert.match((await ksi(['stop'], env)).stderr, /`docker compose stop daemon` does this/)
  assert.match((await ksi(['restart'], env)).stderr, /`docker compose restart daemon` does this/)
  assert.equal(daemon.receivedOf('system:shutdown').length, 0)
})

test('config shows what holds and where it comes from, and check names what is wrong', async () => {
  writeFileSync(join(root, '.env'), 'KSI_PORT=4399\nKSI_TOKEN=a secret value\n')
  const shown = await ksi(['config', 'show'], { KSI_MAX_QUEUED: '7' })
  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /KSI_PORT +4399 +\.env\n/)
  assert.match(shown.stdout, /KSI_MAX_QUEUED +7 +environment\n/)
  assert.match(shown.stdout, /KSI_HOST +127\.0\.0\.1 +default\n/)
  assert.doesNotMatch(shown.stdout, /a secret value/)
  const { settings } = JSON.parse((await ksi(['config', 'show', '--json'])).stdout)
  assert.deepEqual(settings.KSI_PORT, { value: 4399, from: '.env' })
  assert.deepEqual([settings.KSI_TOKEN.value, settings.KSI_TOKEN.from], ['(set)', '.env'])
  assert.match((await ksi(['config', 'check'])).stdout, /All is well/)
  const wrong = await ksi(['config', 'check'], { KSI_PROT: '1', KSI_PORT: 'many', KSI_HOLD_MS: '1' })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stdout, /KSI_PORT: say a whole number/)
  assert.match(wrong.stdout, /KSI_HOLD_MS: /)
  assert.match(wrong.stdout, /KSI_PROT: nothing reads it\. Did you mean "KSI_PORT"\?/)
  const asJson = JSON.parse((await ksi(['config', 'check', '--json'], { KSI_PROT: '1' })).stdout)
  assert.deepEqual(asJson.problems.length, 1)
})
