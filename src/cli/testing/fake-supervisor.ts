import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeDaemon } from '../../client/testing/fake-daemon.ts'
import { sampleHealth } from '../../client/testing/samples.ts'
import { sampleCompletionStatus, sampleStatus } from './samples.ts'

/*
 * Stands in for the supervisor of a root (lifecycle.test.ts): pid file, socket, signals, exit codes.
 * FAKE_EXIT: end at once with this code · FAKE_UNHEALTHY: never healthy · FAKE_DEAF: no socket, and the first SIGTERM
 * is ignored · FAKE_QUEUED: so many requests wait, and one runs · FAKE_JOURNAL: where its journal is
 */
const { KSI_ROOT = '', KSI_MODE = 'production', FAKE_EXIT, FAKE_UNHEALTHY, FAKE_DEAF } = process.env
const { FAKE_QUEUED, FAKE_JOURNAL } = process.env
const mode = KSI_MODE === 'dev' ? 'dev' : 'production'
const run = join(KSI_ROOT, 'var/run')
const pidFile = join(run, 'ksi_daemon.pid')
const socket = join(run, 'daemon.sock')

process.stdout.write(`fake supervisor in ${mode} mode, IPC channel: ${process.channel !== undefined}\n`)
if (FAKE_EXIT !== undefined) {
  process.stdout.write('var/db cannot be written\n')
  process.exit(Number(FAKE_EXIT))
}
mkdirSync(run, { recursive: true })
writeFileSync(pidFile, `${process.pid}\n`)

function end(code: number): void {
  for (const file of [pidFile, socket]) rmSync(file, { force: true })
  process.exit(code)
}

let deafTo = FAKE_DEAF === undefined ? 0 : 1
process.on('SIGINT', () => {
  process.stdout.write('got SIGINT\n')
  end(5)
})
process.on('SIGTERM', () => {
  process.stdout.write('got SIGTERM\n')
  if (deafTo-- <= 0) end(FAKE_DEAF === undefined ? 0 : 3)
})

if (FAKE_DEAF === undefined) {
  await new FakeDaemon(
    { path: socket },
    {
      'system:health': () =>
        FAKE_UNHEALTHY === undefined
          ? sampleHealth({ generation: 1, uptime: 1 })
          : { status: 'restarting', generation: 1, problem: null, next_try_at: null },
      'supervisor:status': () =>
        sampleStatus({
          mode,
          pid: process.pid,
          ...(FAKE_JOURNAL === undefined ? {} : { journal: { path: FAKE_JOURNAL, kept: true } }),
        }),
      'completion:status': () => {
        const counts = sampleCompletionStatus()
        const queued = Number(FAKE_QUEUED ?? 0)
        const processing = queued > 0 ? 1 : 0
        return { ...counts, status_counts: { ...counts.status_counts, queued, processing } }
      },
      'system:shutdown': (_data, _request, client) => void client.end('', () => end(0)),
    },
  ).start()
  process.stdout.write('listening\n')
} else {
  setInterval(() => {}, 1_000)
  process.stdout.write('deaf\n')
}
