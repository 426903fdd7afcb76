import { steadyNow } from '../../lib/time.ts'
import { randomUUID } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import type { RunInput } from '../../contracts/runner.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import { bringsHistory } from '../../lib/prompt.ts'
import { runProgram } from '../program.ts'
import { claudeArgs, claudeInput } from './claude-args.ts'
import { claudeEnv } from './claude-env.ts'
import { openFolder, removeOldFolders } from './claude-folder.ts'
import { ClaudeOutput } from './claude-output.ts'
import { claudeUsage, readReply } from './claude-reply.ts'
import { ProviderError } from './provider.ts'
import type { Provider, ProviderContext, ProviderResult } from './provider.ts'
import type { ProviderSurroundings } from './registry.ts'
import { whileHeard } from './silence.ts'

const name = 'claude-cli'
const maxStderrBytes = 4 * 1024
const install = 'Install it with "npm install -g @anthropic-ai/claude-code", or set KSI_CLAUDE_BIN to where it is.'

/** Runs the `claude` program, one call a run (docs/wire.md, "Claude's program"). */
export function createClaudeCli(surroundings: ProviderSurroundings): Provider {
  const { claudeBin = 'claude', root, workDir } = surroundings
  // A path is meant from the root, not from the folder the program is started in.
  const command = claudeBin.includes('/') ? resolve(root, claudeBin) : claudeBin
  const env = claudeEnv(surroundings.env)
  // The user's own, which the supervisor hands on; without it nothing is opened to others.
  const umask = Number.parseInt(surroundings.env['KSI_UMASK'] ?? '077', 8)
  removeOldFolders(workDir, steadyNow())
  const claude = { ...surroundings, command, env, umask }
  return {
    name,
    missing: () =>
      isThere(command, env['PATH']) ? undefined : `The claude program was not found (${command}). ${install}`,
    run: (input, ctx) => run(input, ctx, claude),
  }
}

interface Claude extends Omit<ProviderSurroundings, 'env'> {
  command: string
  env: Record<string, string>
  umask: number
}

async function run(input: RunInput, ctx: ProviderContext, claude: Claude): Promise<ProviderResult> {
  const { session_id: before, session_provider: owner } = input
  const whole = bringsHistory(input.messages)
  let resume = before !== undefined && !whole && (owner ?? name) === name && isUuid(before) ? before : undefined
  const session = randomUUID()
  const folder = openFolder(claude.workDir, input)
  const call = () => start(claude, { input, ctx, session, resume, cwd: folder.dir })
  try {
    const reply = await call().catch((error: unknown) => {
      // A client may name its conversation as it likes; claude knows only the ids it made. Then this is the first turn.
      const unknown = error instanceof ProviderError && error.sessionUnknown
      if (!unknown || owner !== undefined || resume === undefined) throw error
      resume = undefined
      return call()
    })
    const ownStory = whole && owner === name ? 'the request brought a whole conversation of its own' : undefined
    return toResult(reply, session, resume === undefined ? (input.session_restarted ?? ownStory) : undefined)
  } finally {
    folder.close()
  }
}

function toResult(reply: Record<string, unknown>, session: string, restarted: string | undefined): ProviderResult {
  const said = reply['session_id']
  const metadata = isObject(reply['metadata']) ? reply['metadata'] : {}
  return {
    session_id: typeof said === 'string' && said !== '' ? said : session,
    ...(restarted !== undefined && { session_restarted: restarted }),
    usage: claudeUsage(reply),
    response: { ...reply, metadata: { ...metadata, response_id: randomUUID() } },
  }
}

interface Call {
  input: RunInput
  ctx: ProviderContext
  session: string
  resume: string | undefined
  cwd: string
}

async function start(claude: Claude, { input, ctx, session, resume, cwd }: Call): Promise<Record<string, unknown>> {
  const { command, env, umask, children, silenceMs: limitMs } = claude
  const args = claudeArgs(input, { session, resume })
  const stdin = claudeInput(input, resume === undefined ? (input.history ?? []) : [])
  const output = new ClaudeOutput(ctx)
  try {
    const end = await whileHeard({ name, limitMs, signal: ctx.signal }, (signal, heard) => {
      const onStdout = (part: Buffer): boolean => {
        heard()
        return output.push(part)
      }
      return runProgram({ command, args, cwd, env, umask, stdin, signal, children, onStdout, maxStderrBytes })
    })
    output.end()
    return readReply(end, output, resume)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'EACCES') throw error
    const problem = systemCodeOf(error) === 'ENOENT' ? 'was not found' : 'may not be executed'
    throw new ProviderError(`The claude program ${problem} (${command}). ${install}`, {
      retryable: false,
      cause: error,
    })
  }
}

function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
}

function isThere(command: string, path = ''): boolean {
  const places = command.includes('/') ? [command] : path.split(delimiter).map((folder) => join(folder, command))
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
