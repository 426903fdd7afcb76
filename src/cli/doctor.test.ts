import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { runKsi } from './testing/run-ksi.ts'
import type { Ended } from './testing/run-ksi.ts'
import { sampleStatus } from './testing/samples.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-doctor-'))
  for (const folder of ['src/supervisor', 'src/store/migrations']) mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, 'src/supervisor/main.ts'), '')
  for (const n of [1, 2]) writeFileSync(join(root, `src/store/migrations/000${n}_x.sql`), '')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const freePorts = { KSI_PORT: '0', KSI_SIDECAR_PORT: '0' }
const ksi = (args: string[], env: Record<string, string> = freePorts): Promise<Ended> =>
  runKsi(['doctor', '--root', root, ...args], { env })

interface Found {
  state: string
  says: string
  mend?: string
}
async function found(env?: Record<string, string>): Promise<Record<string, Found>> {
  const { stdout } = await ksi(['--json'], env)
  const { findings } = JSON.parse(stdout) as { findings: (Found & { check: string })[] }
  return Object.fromEntries(findings.map(({ check, ...finding }) => [check, finding]))
}

function writeJournal(version: number): void {
  const header = Buffer.alloc(100)
  header.write('SQLite format 3\0', 'latin1')
  header[18] = 2
  header.writeUInt32BE(version, 60)
  mkdirSync(join(root, 'var/db'), { recursive: true, mode: 0o700 })
  writeFileSync(join(root, 'var/db/checkpoint.db'), header)
}

test('where nothing runs and nothing is wrong, doctor says so and exits with 0', async () => {
  const { code, stdout } = await ksi([])
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^ok +node +v\d/m)
  assert.match(stdout, /^warn +daemon +none answers\n +mend: npm run dev, ksi start, or docker compose up$/m)
  assert.match(stdout, /^ok +watching +changes are told/m)
  assert.match(stdout, /^ok +space /m)
  assert.match(stdout, /^ok +tcp +asks for a token/m)
  assert.ok(!existsSync(join(root, 'var/db')), 'it makes nothing but its probe')
})

test(
  'a port that another holds is named with its pid, and what frees it',
  { skip: !existsSync('/proc/net/tcp') && 'no /proc here' },
  async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const env = { KSI_PORT: String(port), KSI_SIDECAR_PORT: '0' }
    const { code } = await ksi([], env)
    const finding = (await found(env))[`port ${port}`]
    server.close()
    assert.equal(code, 1)
    assert.equal(finding?.state, 'fail')
    assert.match(finding.says, new RegExp(`held by .*node.* \\(pid ${process.pid}\\)`))
    assert.equal(finding.mend, `kill ${process.pid}, or KSI_PORT=OTHER`)
  },
)

test('a journal of newer code, one that is none, folders others can look into, settings that are wrong', async () => {
  writeJournal(2)
  chmodSync(join(root, 'var'), 0o700)
  const fine = await found()
  assert.match(fine['journal']?.says ?? '', /schema 2 of 2, WAL mode$/)
  assert.deepEqual([fine['journal']?.state, fine['permissions']?.state], ['ok', 'ok'])
  writeJournal(9)
  chmodSync(join(root, 'var'), 0o755)
  const wrong = await found()
  assert.deepEqual([wrong['journal']?.state, wrong['permissions']?.state], ['fail', 'warn'])
  assert.equal(wrong['permissions']?.mend, `chmod go-rwx '${join(root, 'var')}'`)
  writeFileSync(join(root, 'var/db/checkpoint.db'), 'no database, whatever its name says')
  assert.match((await found())['journal']?.says ?? '', /is no database/)
  const settings = (await found({ ...freePorts, KSI_HOLD_MS: 'long' }))['settings']
  assert.equal(settings?.state, 'fail')
  assert.match(settings.says, /KSI_HOLD_MS: /)
})

test('a daemon is asked: what is wrong with it, its checkpoint; one that hangs is told apart from none', async () => {
  mkdirSync(join(root, 'var/run'), { recursive: true, mode: 0o700 })
  const daemon = await new FakeDaemon({ path: join(root, 'var/run/daemon.sock') }).start()
  daemon.answers['supervisor:status'] = () => sampleStatus({ problem: 'The last change is not live' })
  daemon.answers['dev:checkpoint'] = () => ({ checkpoints: [] })
  const troubled = await found()
  assert.deepEqual(troubled['daemon'], {
    state: 'fail',
    says: 'The last change is not live',
    mend: 'ksi status, ksi logs',
  })
  assert.equal(troubled['last checkpoint']?.state, 'skip')
  daemon.answers['supervisor:status'] = () => undefined
  const { code, stdout } = await ksi(['--timeout', '300ms'])
  await daemon.stop()
  assert.equal(code, 1)
  assert.match(stdout, /^FAIL +daemon +supervisor:status had no reply within 300 ms/m)
})

test('where Docker runs this checkout, its container is asked, and engine and Compose are looked at', async () => {
  const bin = join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(join(root, 'compose.yaml'), '')
  const inside = JSON.stringify({ ok: true, findings: [{ check: 'journal', state: 'ok', says: 'in there' }] })
  const answers = `case "$*" in
    "compose port daemon 4310") echo 127.0.0.1:4310 ;;
    "version --format"*) echo 28.0.1 ;;
    "compose version --short") echo 2.30.0 ;;
    "compose exec -T daemon ksi doctor --json") echo '${inside}' ;;
    *) exit 1 ;;
  esac`
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${answers}\n`, { mode: 0o755 })
  const all = await found({ PATH: `${bin}:/usr/bin:/bin` })
  assert.equal(all['docker']?.says, 'engine 28.0.1')
  assert.deepEqual([all['compose']?.state, all['container: journal']?.says], ['fail', 'in there'])
  assert.equal(all['daemon'], undefined)
  // What some versions of Compose cannot build in.
  const odd = join(root, 'späce')
  mkdirSync(join(odd, 'src/supervisor'), { recursive: true })
  for (const file of ['compose.yaml', 'src/supervisor/main.ts']) writeFileSync(join(odd, file), '')
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${answers.replace('2.30.0', '2.40.3')}\n`, { mode: 0o755 })
  const there = await runKsi(['doctor', '--root', odd], { env: { PATH: `${bin}:/usr/bin:/bin` } })
  assert.match(there.stdout, /^warn +compose +2\.40\.3, which may not build .*\n +mend: .*rename the folder$/m)
  const { code, stderr } = await runKsi(['doctor', '--root', bin], { env: {} })
  assert.deepEqual([code, stderr.includes('There is no ksi in')], [78, true])
})
