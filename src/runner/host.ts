import { join } from 'node:path'
import { exitCodes, messageOf } from '../lib/errors.ts'
import { createPlainLog } from '../lib/plain-log.ts'
import type { WordLog } from '../lib/plain-log.ts'
import { Reloads } from './host/reloads.ts'
import { startHostServer } from './host/server.ts'
import { RunnerPool } from './host/runner-pool.ts'
import { endLeftRunners } from './host/left-runners.ts'
import { openChildRegister } from './orphans.ts'

/*
 * The runner host: starts, watches and ends the runners, and is reached by its socket only. It is to be small, since it
 * is one more process that is always there: no schemas, no log library, nothing of the daemon.
 */

async function main(env: NodeJS.ProcessEnv): Promise<void> {
  // What it and its runners write is for the owner alone.
  process.umask(0o077)
  const root = given(env, 'KSI_ROOT')
  const runDir = join(root, 'var/run')
  const log = createPlainLog('runner-host', env['KSI_LOG_LEVEL'] ?? 'info')
  const registerDir = join(runDir, 'runners')
  await endLeftRunners(registerDir, log)
  const pool = new RunnerPool({
    runDir,
    path: join(root, 'src/runner/main.ts'),
    env,
    bootMs: Number(given(env, 'KSI_BOOT_TIMEOUT_MS')),
    heartbeatMs: Number(given(env, 'KSI_HEARTBEAT_MS')),
    log,
    register: openChildRegister(registerDir, log),
    onLine: (line) => process.stdout.write(`${line}\n`),
    onChange: () => server.tell(),
  })
  const reloads = new Reloads({ log, start: () => pool.start(), onChange: () => server.tell() })
  const end = once(async () => {
    reloads.stop()
    // First of all: nobody is to take what ends for what comes next.
    server.close()
    await pool.stop()
    process.exit(exitCodes.ok)
  })
  const server = await startHostServer({
    socket: given(env, 'KSI_RUNNER_HOST_SOCKET'),
    log,
    list: () => ({
      runners: pool.addresses(),
      drained: [...pool.drained],
      problem: pool.problem,
      failure: reloads.failure,
    }),
    reload: (files, at) => reloads.saved(files, at),
    end,
  })
  guard(log, end, env['KSI_RUNNER_HOST_STAYS'] === '1')
  await pool.startFirst()
}

function given(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

function once(work: () => Promise<void>): () => void {
  let begun: Promise<void> | undefined
  return () => {
    begun ??= work()
  }
}

/** @param stays whether it outlives whoever has started it */
function guard(log: WordLog, end: () => void, stays: boolean): void {
  // Ctrl-C in a terminal reaches every process of the group; the daemon is to end before its runners.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', end)
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection in the runner host'))
  process.stdout.on('error', () => {})
  if (stays) return
  process.on('disconnect', end)
  // It may have gone before there was anyone to hear of it.
  if (process.send && !process.connected) end()
}

// eslint-disable-next-line node/no-process-env -- the composition root
main(process.env).catch((error: unknown) => {
  process.stderr.write(`The runner host could not start: ${messageOf(error)}\n`)
  process.exit(exitCodes.internal)
})
