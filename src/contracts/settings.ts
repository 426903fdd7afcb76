import { join, resolve } from 'node:path'
import { z } from 'zod'
import { flag, readEnv, whole } from '../lib/env.ts'
import { similarNames } from '../lib/nearest-names.ts'
import { withSecretFiles } from '../lib/secret-env.ts'
import { onFailure } from './holds.ts'
import { hostNumbers } from './host-numbers.ts'
import { onRestart } from './words.ts'

/** A whole number above 0 for each of some providers or models: `claude-cli=4, claude-cli/opus=1`. */
function perProvider(fallback: string): z.ZodType<ReadonlyMap<string, number>> {
  return z
    .string()
    .refine(
      (text) => partsOf(text).every((part) => /^[^\s=/~][^\s=]*=[1-9]\d{0,4}$/.test(part)),
      'say name=number, name=number',
    )
    .transform((text) => new Map(partsOf(text).map(readPart)))
    .default(new Map(partsOf(fallback).map(readPart)))
}

export const budgetScopes = ['conversation', 'agent', 'day'] as const
export type BudgetScope = (typeof budgetScopes)[number]

/** A number for each of some scopes: `conversation=100000, day=5000000`. */
function budget(): z.ZodType<ReadonlyMap<string, number>> {
  const names = budgetScopes.join('|')
  const one = new RegExp(`^(?:${names})=\\d{1,15}(?:\\.\\d{1,6})?$`)
  return z
    .string()
    .refine((text) => partsOf(text).every((part) => one.test(part)), `say ${budgetScopes.join('=number, ')}=number`)
    .transform((text) => new Map(partsOf(text).map(readPart)))
    .default(new Map())
}

function partsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '' && part !== 'none')
}

function readPart(part: string): [string, number] {
  const [name = '', number] = part.split('=')
  return [name, Number(number)]
}

/** Every environment variable of ksi, with unit and default. The table in docs/settings.md is checked against this. */
const schema = z.object({
  KSI_ROOT: z.string().default(process.cwd()),
  KSI_MODE: z.enum(['dev', 'production']).default('production'),
  KSI_HOST: z.string().default('127.0.0.1'),
  KSI_PORT: whole(4310, 0, 65_535),
  /** what the banner shows where a container's port is published under another number */
  KSI_PUBLISHED: z.string().optional(),
  /** asked for on TCP; auto: the one that is made and kept, which is the default where KSI_PUBLISHED is not set */
  KSI_TOKEN: z.union([z.literal('auto'), z.string().min(8, 'auto, or at least 8 characters')]).optional(),
  KSI_SIDECAR_HOST: z.string().default('127.0.0.1'),
  KSI_SIDECAR_PORT: whole(4311, 0, 65_535),
  /** names besides localhost by which the page may be asked for */
  KSI_SIDECAR_NAMES: z
    .string()
    .transform((text) => text.split(/[\s,]+/).filter(Boolean))
    .default([]),
  /** on: as a child of the supervisor; elsewhere: in a container of its own, at KSI_SIDECAR_PORT of this machine */
  KSI_SIDECAR: z.enum(['on', 'off', 'elsewhere']).default('on'),
  KSI_DAEMON_ADDRESS: z.string().optional(),
  KSI_DOCKER_PROXY: z.string().optional(),
  KSI_DOCKER_PROJECT: z.string().optional(),
  KSI_CHECKPOINT: flag(true),
  /** disk: what is acknowledged is safe against a power cut; process: against the death of any process */
  KSI_DURABILITY: z.enum(['disk', 'process']).default('disk'),
  KSI_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  KSI_LOG_FORMAT: z.enum(['pretty', 'json']).default('pretty'),
  KSI_DEFAULT_MODEL: z.string().default('echo/echo'),
  KSI_CLAUDE_BIN: z.string().optional(),
  KSI_PROVIDER_TIMEOUT_MS: whole(600_000, 100, 86_400_000),
  KSI_PROVIDER_SILENCE_MS: whole(300_000, 100, 86_400_000),
  /** where the programs that providers start have their working folders */
  KSI_WORK_DIR: z.string().optional(),
  KSI_MAX_CONCURRENT: whole(64, 1, 10_000),
  /** of these providers and models no more than so many run at once; a real claude takes about 285 MB */
  KSI_PROVIDER_CONCURRENT: perProvider('claude-cli=4'),
  KSI_MAX_QUEUED: whole(1_000_000, 1, 100_000_000),
  KSI_MAX_QUEUED_CONVERSATION: whole(100_000, 1, 100_000_000),
  /** what becomes of a request whose run died with its runner, and of a conversation when a turn failed */
  KSI_ON_RESTART: onRestart.default('fail'),
  KSI_ON_FAILURE: onFailure.default('continue'),
  /** so many times in a row overloaded, or not reached, within so many ms: a provider is left alone; 0: never */
  KSI_CIRCUIT_FAILURES: whole(5, 0, 1_000),
  KSI_CIRCUIT_WINDOW_MS: whole(60_000, 1_000, 86_400_000),
  /** what may be used: by a conversation in all, by an agent and by all together in a day (UTC) */
  KSI_BUDGET_TOKENS: budget(),
  KSI_BUDGET_USD: budget(),
  KSI_MAX_JOURNAL_BYTES: whole(8_589_934_592, 1_048_576, Number.MAX_SAFE_INTEGER),
  KSI_MAX_RESPONSE_BYTES: whole(17_179_869_184, 1_048_576, Number.MAX_SAFE_INTEGER),
  KSI_MAX_LINE_BYTES: whole(8_388_608, 1_024, 67_108_864),
  KSI_MAX_CONNECTIONS: whole(4_096, 1, 65_536),
  KSI_HOLD_MS: whole(30_000, 100, 600_000),
  KSI_BOOT_TIMEOUT_MS: whole(...hostNumbers.KSI_BOOT_TIMEOUT_MS),
  KSI_HEARTBEAT_MS: whole(...hostNumbers.KSI_HEARTBEAT_MS),
  /** on: the runner host is started where it is missing; elsewhere: it has a container of its own */
  KSI_RUNNER: z.enum(['on', 'elsewhere']).default('on'),
  KSI_DRAIN_MS: whole(...hostNumbers.KSI_DRAIN_MS),
  KSI_RUNNER_LINGER_MS: whole(...hostNumbers.KSI_RUNNER_LINGER_MS),
  KSI_PROBATION_MS: whole(6_000, 0, 60_000),
  KSI_SPARE: flag(true),
  KSI_WATCH_POLL: flag(false),
  /** where debuggers attach to the live generation; 0: nowhere. Who can reach it can run code as this user */
  KSI_INSPECT_PORT: whole(0, 0, 65_535),
  KSI_EVENTS_KEPT: whole(200_000, 100, 100_000_000),
  KSI_REQUESTS_KEPT: whole(100_000, 10, 100_000_000),
  KSI_RUN_LOGS_KEPT_MS: whole(86_400_000, 1_000, 31_536_000_000),
  /** what the daily files of events may have together; 0: none are written */
  KSI_EVENT_LOG_BYTES: whole(1_073_741_824, 0, Number.MAX_SAFE_INTEGER),
  KSI_RUN_LOG_BYTES: whole(4_294_967_296, 67_108_864, Number.MAX_SAFE_INTEGER),
})

/**
 * Where providers are, and what they ask for. Only the runner reads it, and only the runner has the keys in its
 * environment. Names without KSI_ are those that every program of the kind knows.
 */
const providerSchema = z.object({
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  ANTHROPIC_AUTH_TOKEN: z.string().optional(),
  ANTHROPIC_BASE_URL: z.string().optional(),
  KSI_OPENAI_COMPATIBLE_URL: z.string().optional(),
  KSI_OPENAI_COMPATIBLE_KEY: z.string().optional(),
})
export type ProviderSettings = Readonly<z.infer<typeof providerSchema>>

/** @throws KsiError KSI_CONFIG_INVALID */
export function readProviderSettings(env: NodeJS.ProcessEnv): ProviderSettings {
  return readEnv(providerSchema, withSecretFiles(env, secretNames))
}

/** What nobody else is to see: each may also be named by its file, NAME_FILE. */
export const secretNames = [
  'KSI_TOKEN',
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'KSI_OPENAI_COMPATIBLE_KEY',
]

/** The names of all variables, which docs/settings.md explains, and Compose hands on. */
export const settingNames = [
  ...Object.keys(schema.shape),
  ...Object.keys(providerSchema.shape),
  ...secretNames.map((name) => `${name}_FILE`),
]

/** What Compose alone reads, what our processes tell each other, and what tests are told. */
const otherNames =
  /^KSI_(?:MEMORY|PIDS|CLAUDE_CODE|WORKSPACE_\w+|UMASK|PRELOAD|RUNNER_\w+|SEED|COMMANDS|(?:SOAK|TEST|BENCH)_\w+)$/

/** Variables named as ours that nothing reads, each with the nearest there is: most likely misspelt. */
export function unknownSettings(env: NodeJS.ProcessEnv): { name: string; near: string | undefined }[] {
  const known = new Set(settingNames)
  return Object.keys(env)
    .filter((name) => name.startsWith('KSI_') && !known.has(name) && !otherNames.test(name))
    .map((name) => ({ name, near: similarNames(name, settingNames)[0] }))
}

/** Files and folders of one ksi, all under its root. */
export interface Paths {
  root: string
  src: string
  run: string
  socket: string
  /** in a folder with the runners' own sockets, which a container of theirs shares with the daemon's alone */
  runnerHost: string
  pidFile: string
  /** the run logs, a folder for each runner */
  runLogs: string
  responses: string
  /** the daily files of events */
  events: string
  toolUsage: string
  log: string
  journal: string
  /** the highest epoch there was, noted outside the journal and in two folders */
  epochs: readonly string[]
  /** what TCP asks for: in a folder that no other container gets to see */
  token: string
  /** the sidecar's, with which nothing can be changed: in a folder that it does get to see */
  readingToken: string
}

export type Settings = Readonly<z.infer<typeof schema>> & {
  readonly paths: Readonly<Paths>
  /** True when the journal outlives the process on purpose: unless production was told KSI_CHECKPOINT=off. */
  readonly keepsState: boolean
  /** True when a TCP connection must show a token. In Compose the port is published for this machine alone. */
  readonly asksForToken: boolean
}

/**
 * Reads the settings all ksi processes share. A parent hands them on through the environment.
 * @throws KsiError KSI_CONFIG_INVALID
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const values = readEnv(schema, withSecretFiles(env, ['KSI_TOKEN']))
  const dev = values.KSI_MODE === 'dev'
  const keepsState = dev || values.KSI_CHECKPOINT
  const root = resolve(values.KSI_ROOT)
  const run = join(root, 'var/run')
  const journal = dev
    ? join(root, 'var/db/dev_checkpoint.db')
    : join(root, keepsState ? 'var/db/checkpoint.db' : 'var/run/journal.db')
  const paths: Paths = {
    root,
    src: join(root, 'src'),
    run,
    socket: join(run, 'daemon.sock'),
    runnerHost: join(run, 'runner/host.sock'),
    pidFile: join(run, 'ksi_daemon.pid'),
    runLogs: join(run, 'runs'),
    responses: join(root, 'var/logs/responses'),
    events: join(root, 'var/logs/events'),
    toolUsage: join(root, 'var/logs/daemon/tool_usage.jsonl'),
    log: join(root, 'var/logs/daemon.log'),
    journal,
    epochs: [`${journal}-epoch`, join(run, 'epoch')],
    token: join(root, 'var/secret/token'),
    readingToken: join(root, 'var/reading/token'),
  }
  const asksForToken = values.KSI_TOKEN !== undefined || values.KSI_PUBLISHED === undefined
  return Object.freeze({ ...values, paths: Object.freeze(paths), keepsState, asksForToken })
}
