import { parseArgs } from 'node:util'
import { KsiError, messageOf } from '../lib/errors.ts'
import { similarNames } from '../lib/nearest-names.ts'
import type { Command } from './command.ts'

// A timer of more than 24 days would run off at once.
const longestMs = 86_400_000

/** Options every command takes. */
export const globalOptions: Command['options'] = {
  json: { type: 'boolean', help: 'print data as JSON (watch: a line each)' },
  root: { type: 'string', help: 'DIR  the folder of the ksi; default KSI_ROOT, or the checkout you are in' },
  address: {
    type: 'string',
    help: 'WHERE  unix:/path or host:port; default KSI_DAEMON_ADDRESS, the socket under root, KSI_PORT, Docker',
  },
  socket: { type: 'string', help: 'PATH  the same, for a Unix socket' },
  timeout: { type: 'string', help: 'TIME  give up after this: 500ms, 5s, 2m; a bare number is seconds' },
  utc: { type: 'boolean', help: 'times in UTC, not in local time' },
  help: { type: 'boolean', short: 'h', help: 'this, or the help of a command' },
}

/** Splits a command line at the command; a global option may stand before it, and may take a value. */
export function splitAtCommand(argv: readonly string[]): {
  before: string[]
  name: string | undefined
  after: string[]
} {
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...globalOptions, version: { type: 'boolean' } },
    strict: false,
    tokens: true,
  })
  const at = tokens.find((token) => token.kind === 'positional')?.index ?? argv.length
  return { before: argv.slice(0, at), name: argv[at], after: argv.slice(at + 1) }
}

/** @throws KsiError KSI_BAD_REQUEST, for an unknown option or a missing value */
export function readOptions(
  args: readonly string[],
  options: Command['options'],
): { values: Record<string, string | boolean | undefined>; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    return { values: values as Record<string, string | boolean | undefined>, positionals }
  } catch (error) {
    // Node's own advice on positionals starting with a dash only confuses here.
    const [problem = ''] = messageOf(error).split(/\.? To specify|\n/)
    const [, unknown] = /^Unknown option '--([^']+)'/.exec(problem) ?? []
    const hint = unknown === undefined ? '' : didYouMean(unknown, Object.keys(options), '--')
    throw new KsiError('KSI_BAD_REQUEST', `${problem.replace(/\.$/, '')}.${hint}`, { cause: error })
  }
}

/** ` Did you mean "…"?` where something is near, else nothing. */
export function didYouMean(name: string, names: readonly string[], prefix = ''): string {
  const [near] = similarNames(name, names)
  return near === undefined ? '' : ` Did you mean "${prefix}${near}"?`
}

/** @throws KsiError KSI_BAD_REQUEST when there are more words than a command takes: it would leave them unread */
export function assertNoMore(usage: string, words: readonly string[], taken: number): void {
  const more = words.slice(taken)
  if (more.length === 0) return
  throw new KsiError(
    'KSI_BAD_REQUEST',
    `Not understood: ${more.map((word) => `"${word}"`).join(', ')}. The command is: ksi ${usage}`,
  )
}

/** Milliseconds from `500ms`, `5s`, `2m` or `5` (seconds). @throws KsiError KSI_BAD_REQUEST */
export function readDuration(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text)
  if (parts === null) throw new KsiError('KSI_BAD_REQUEST', `"${text}" is no length of time: say 500ms, 5s or 2m.`)
  const ms = Math.round(Number(parts[1]) * (parts[2] === 'ms' ? 1 : parts[2] === 'm' ? 60_000 : 1_000))
  if (ms < 1 || ms > longestMs)
    throw new KsiError('KSI_BAD_REQUEST', `"${text}" is no time to wait: say something from 1ms to a day.`)
  return ms
}
