import { join } from 'node:path'
import { z } from 'zod'
import { toRunner } from '../contracts/control.ts'
import type { FromRunner } from '../contracts/control.ts'
import { runnerProtocol } from '../contracts/protocol.ts'
import { readProviderSettings, readSettings, secretNames } from '../contracts/settings.ts'
import { readEnv } from '../lib/env.ts'
import { redactorOf } from '../lib/keys.ts'
import { withSecretFiles } from '../lib/secret-env.ts'
import { createLog, standardOutput } from '../lib/log.ts'
import type { Log } from '../lib/log.ts'
import { onShutdown } from '../lib/shutdown.ts'
import { logDirOf } from '../store/run-log/read-run.ts'
import { endOrphans, openChildRegister } from './orphans.ts'
import type { ChildRegister } from './orphans.ts'
import { ProviderStates } from './provider-states.ts'
import { defaultWorkDir } from './providers/claude-folder.ts'
import { createRegistry, providerLoaders } from './providers/registry.ts'
import type { Registry } from './providers/registry.ts'
import { Runs } from './runs.ts'
import { startServer } from './server.ts'

const runnerEnv = z.object({ KSI_RUNNER_ID: z.string(), KSI_RUNNER_SOCKET: z.string() })

/** Room for what JSON makes of a request's text, and for the prompt beside the messages it was taken from. */
const lineFactor = 8

/** Imports the providers' own files, and makes nothing of them. */
export async function importProviders(env: NodeJS.ProcessEnv): Promise<void> {
  await registryOf(env, { add: () => () => {} }).load()
}

/**
 * Serves as a runner: takes runs on its socket, does what its host says, and tells the host when it is ready.
 * @throws KsiError KSI_CONFIG_INVALID, ProviderError when one of our own providers cannot be loaded
 */
export async function serve(given: NodeJS.ProcessEnv): Promise<void> {
  // Also for what providers start, and for what is kept out of the log.
  const env = withSecretFiles(given, secretNames)
  const { paths, ...settings } = readSettings(env)
  const { KSI_RUNNER_ID: runnerId, KSI_RUNNER_SOCKET: socket } = readEnv(runnerEnv, env)
  const redact = redactorOf(env)
  const log = createLog(
    'runner',
    settings.KSI_LOG_LEVEL,
    standardOutput((line) => redact.text(line)),
  ).child({ runner: runnerId })
  const childDir = join(paths.run, 'children')
  endOrphans(childDir, log)
  const registry = registryOf(env, openChildRegister(childDir, log))
  // Our own files, not the SDKs behind them: a save that breaks one must show before this runner takes work, and a
  // later save must not be half of what it runs.
  const states = new ProviderStates(await registry.load())
  const limits = { ageMs: settings.KSI_RUN_LOGS_KEPT_MS, bytes: settings.KSI_RUN_LOG_BYTES }
  const logDir = logDirOf(paths.runLogs, runnerId)
  const runs = new Runs({ logDir, registry, log, states, redact, limits })
  const server = await startServer({
    socket,
    runnerId,
    runs,
    log,
    maxLineBytes: settings.KSI_MAX_LINE_BYTES * lineFactor,
  })
  const end = onShutdown({
    log,
    deadlineMs: 3_000,
    stop: async (reason) => {
      log.debug({ reason }, 'runner ends')
      await Promise.all([runs.stop(), server.close()])
    },
  })
  guard(log, end)
  obey(runs, end, log)
  say({ type: 'ready', ...runnerProtocol })
}

function registryOf(env: NodeJS.ProcessEnv, children: ChildRegister): Registry {
  const { paths, ...settings } = readSettings(env)
  return createRegistry(
    providerLoaders({
      workDir: settings.KSI_WORK_DIR ?? defaultWorkDir(paths.root),
      claudeBin: settings.KSI_CLAUDE_BIN,
      root: paths.root,
      env,
      children,
      settings: readProviderSettings(env),
      silenceMs: settings.KSI_PROVIDER_SILENCE_MS,
    }),
  )
}

/** Keeps one bad run from taking the others along, and a Ctrl-C from doing what is its host's to decide. */
function guard(log: Log, end: (reason: string) => void): void {
  // Ctrl-C in a terminal reaches every process of the group; onShutdown would end the runner before its daemon.
  process.removeAllListeners('SIGINT')
  process.on('SIGINT', () => {})
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection in the runner'))
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception in the runner')
    end('uncaught exception')
  })
}

/** Does what the host says, and ends when it is gone. */
function obey(runs: Runs, end: (reason: string) => void, log: Log): void {
  process.on('message', (message) => {
    const parsed = toRunner.safeParse(message)
    if (!parsed.success) log.error({ message }, 'a message to the runner is not valid and is ignored')
    else if (parsed.data.type === 'ping') say({ type: 'pong', running: runs.running })
    else if (parsed.data.type === 'drain') runs.drain(() => say({ type: 'idle' }))
    else if (parsed.data.type === 'end') end('end')
  })
  process.on('disconnect', () => end('disconnect'))
  // It may have gone before there was anyone to hear of it.
  if (process.send && !process.connected) end('disconnect')
}

function say(message: FromRunner): void {
  // A channel that breaks now is told by 'disconnect'.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
