import { exitCodes, KsiError, messageOf } from '../lib/errors.ts'
import { assertNoMore, didYouMean, globalOptions, readDuration, readOptions, splitAtCommand } from './arguments.ts'
import type { Invocation } from './command.ts'
import { commandTable } from './command-table.ts'
import { print, printJson, say } from './output.ts'
import { withEnvFile } from './env-file.ts'
import { findPlace, findRoot } from './place.ts'

/**
 * Runs one command line. Called by ksi.js, which has made sure of the Node version.
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  // `ksi watch | head` ends when head does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.internal),
  )
  try {
    return await dispatch(argv)
  } catch (error) {
    return report(error, argv)
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const { before, name, after } = splitAtCommand(argv)
  const { values: globals } = readOptions(before, { ...globalOptions, version: { type: 'boolean', help: '' } })
  if (globals['version'] === true) return showVersion(globals['json'] === true)
  if (name === undefined || name === 'help') return showHelp(name === undefined && globals['help'] !== true, after[0])
  const entry = Object.hasOwn(commandTable, name) ? commandTable[name] : undefined
  if (entry === undefined) throw unknownCommand(name)
  const command = await entry.load()
  const { args, data } = command.takeData?.(after) ?? { args: after, data: {} }
  const { values: own, positionals } = readOptions(args, { ...globalOptions, ...command.options })
  const values = { ...globals, ...own }
  if (values['help'] === true) return showHelp(false, name)
  assertNoMore(command.usage, positionals, command.words ?? 0)
  const root = findRoot(text(values, 'root'), process.env, process.cwd())
  const env = withEnvFile(root, process.env)
  // For this process's own output: what it starts gets the environment as it was.
  if (values['utc'] === true) process.env.TZ = 'UTC'
  return command.run(invocation(values, { env, positionals, data }))
}

function text(values: Invocation['values'], name: string): string | undefined {
  return typeof values[name] === 'string' ? values[name] : undefined
}

function invocation(values: Invocation['values'], rest: Pick<Invocation, 'env' | 'positionals' | 'data'>): Invocation {
  const timeout = text(values, 'timeout')
  return {
    ...rest,
    place: findPlace(
      { root: text(values, 'root'), address: text(values, 'address'), socket: text(values, 'socket') },
      rest.env,
    ),
    json: values['json'] === true,
    timeoutMs: timeout === undefined ? undefined : readDuration(timeout),
    values,
  }
}

async function showHelp(asError: boolean, name: string | undefined): Promise<number> {
  const { commandHelp, globalHelp } = await import('./help.ts')
  if (name !== undefined && !Object.hasOwn(commandTable, name)) throw unknownCommand(name)
  const command = name === undefined ? undefined : await commandTable[name]?.load()
  const text = name === undefined || command === undefined ? globalHelp() : commandHelp(name, command)
  if (asError) say(text)
  else print(text)
  return asError ? exitCodes.usage : exitCodes.ok
}

async function showVersion(json: boolean): Promise<number> {
  const { version } = await import('../contracts/version.ts')
  if (json) printJson({ version, node: process.version })
  else print(version)
  return exitCodes.ok
}

function unknownCommand(name: string): KsiError {
  const hint = didYouMean(name, Object.keys(commandTable))
  return new KsiError('KSI_BAD_REQUEST', `There is no command "${name}".${hint} \`ksi --help\` lists them.`)
}

/** Says what went wrong; with --json, as data too. */
function report(error: unknown, argv: readonly string[]): number {
  const known = error instanceof KsiError
  if (argv.includes('--json')) printJson({ error: messageOf(error), code: known ? error.code : 'KSI_INTERNAL' })
  say(
    known || !(error instanceof Error)
      ? `ksi: ${messageOf(error)}`
      : `ksi: a fault in ksi itself: ${error.stack ?? error.message}`,
  )
  // The pre_stop hook must never fail a stop, whatever is wrong with its command line.
  if (argv.includes('--best-effort')) return exitCodes.ok
  return known ? error.exitCode : exitCodes.internal
}
