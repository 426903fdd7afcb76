import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { RunInput } from '../../contracts/runner.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import { runProgram } from '../program.ts'
import type { ProgramEnd } from '../program.ts'
import { readReply } from './claude-reply.ts'
import { openSandbox } from './claude-sandbox.ts'
import { lastText } from '../../lib/prompt.ts'
import { ProviderError } from './provider.ts'
import type { Provider, ProviderContext, ProviderResult } from './provider.ts'
import type { ProviderSurroundings } from './registry.ts'

const maxStdoutBytes = 10 * 1024 * 1024
const maxStderrBytes = 4 * 1024

/** Runs the `claude` program, one call a run (docs/wire.md, "Claude's program"). */
export function createClaudeCli(surroundings: ProviderSurroundings): Provider {
  const { claudeBin = 'claude', root } = surroundings
  // A path is meant from the root, not from the sandbox folder the program is started in.
  const command = claudeBin.includes('/') ? resolve(root, claudeBin) : claudeBin
  const env = claudeEnv(surroundings.env)
  // The user's own, which the supervisor hands on; without it nothing is opened to others.
  const umask = Number.parseInt(surroundings.env['KSI_UMASK'] ?? '077', 8)
  return { name: 'claude-cli', run: (input, ctx) => run(input, ctx, { ...surroundings, command, env, umask }) }
}

interface Claude extends Omit<ProviderSurroundings, 'env'> {
  command: string
  env: Record<string, string>
  umask: number
}

async function run(input: RunInput, ctx: ProviderContext, claude: Claude): Promise<ProviderResult> {
  const sandbox = openSandbox(claude.sandboxDir, input)
  ctx.onProgress({ status: 'calling_provider', provider: 'claude-cli' })
  const call = (args: string[]): Promise<ProgramEnd> =>
    start(claude, { args, cwd: sandbox.dir, stdin: lastText(input), signal: ctx.signal })
  let end = await call(claudeArgs(input))
  // A client may name its conversation as it likes; claude knows only the ids it made. Then this is the first turn.
  if (input.session_unproven === true && isUnknownSession(end))
    end = await call(claudeArgs({ ...input, session_id: undefined }))
  const reply = readReply(end)
  const sessionId =
    typeof reply['session_id'] === 'string' && reply['session_id'] !== '' ? reply['session_id'] : undefined
  if (sessionId !== undefined) sandbox.belongsTo(sessionId)
  const metadata = isObject(reply['metadata']) ? reply['metadata'] : {}
  return { session_id: sessionId, response: { ...reply, metadata: { ...metadata, response_id: randomUUID() } } }
}

async function start(
  claude: Claude,
  call: { args: string[]; cwd: string; stdin: string; signal: AbortSignal },
): Promise<ProgramEnd> {
  const { command, env, umask, children } = claude
  try {
    return await runProgram({ command, env, umask, children, ...call, maxStdoutBytes, maxStderrBytes })
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'EACCES') throw error
    const problem = systemCodeOf(error) === 'ENOENT' ? 'was not found' : 'may not be executed'
    throw new ProviderError(
      `The claude program ${problem} (${command}). Install it with "npm install -g @anthropic-ai/claude-code", ` +
        'or set KSI_CLAUDE_BIN to where it is.',
      { retryable: false, cause: error },
    )
  }
}

/** Whether claude refused because it has no such session: it has done nothing then. */
function isUnknownSession({ code, stdout, stderr }: ProgramEnd): boolean {
  return (
    code !== 0 && /no conversation found|is not a UUID|not a valid UUID|valid session id/i.test(`${stderr}\n${stdout}`)
  )
}

/** The arguments of a call. @throws ProviderError when a part of the request could be taken for an option */
export function claudeArgs(input: RunInput): string[] {
  const args = ['-p', '--output-format', 'json', '--model', claudeAlias(input.model)]
  if (input.session_id === undefined) return args
  if (!/^[A-Za-z0-9]/.test(input.session_id)) {
    throw new ProviderError(
      `The session id "${input.session_id}" is none of claude's: it must begin with a letter or digit.`,
      {
        retryable: false,
        reason: 'invalid_request',
      },
    )
  }
  return [...args, '--resume', input.session_id]
}

/** `claude-cli/claude-sonnet-4-20250514` → `sonnet`; names of no known family are handed on as they are. */
export function claudeAlias(model: string): string {
  const name = model.replace(/^claude-cli\//, '')
  const family = /^claude-(?:[\d.-]+-)?(sonnet|opus|haiku)\b/.exec(name)?.[1]
  if (family !== undefined) return family
  if (/^[A-Za-z0-9][\w.:@/[\]-]*$/.test(name)) return name
  throw new ProviderError(
    `"${model}" names no claude model. Use claude-cli/sonnet, claude-cli/opus or claude-cli/haiku.`,
    {
      retryable: false,
      reason: 'invalid_request',
    },
  )
}

const passedOn = new Set([
  'HOME',
  'PATH',
  'TERM',
  'SHELL',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
])

/** What claude sees of the environment: enough to run, sign in and reach the network, and none of ksi's own secrets. */
export function claudeEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (passedOn.has(name) || /^(ANTHROPIC|CLAUDE)_|^(https?|no|all)_proxy$/i.test(name)))
      kept[name] = value
  }
  return {
    ...kept,
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  }
}
