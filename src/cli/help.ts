import { exitCodes } from '../lib/errors.ts'
import { globalOptions } from './arguments.ts'
import type { Command } from './command.ts'
import { commandTable } from './command-table.ts'
import { columns, paint } from './output.ts'

const meanings: Record<keyof typeof exitCodes, string> = {
  ok: 'done; status, health: all is well',
  failed: 'it failed; status, health: something is wrong',
  usage: 'the command line, or what was sent, is not right',
  unavailable: 'no ksi answers',
  internal: 'a fault in ksi',
  cannotCreate: 'the journal cannot be written',
  tryAgain: 'not now: time-out, queue full, another ksi runs',
  config: 'configuration, Node version or journal version',
}

/** `ksi --help`. */
export function globalHelp(): string {
  const commands = Object.entries(commandTable).map(([name, { summary }]) => [name, summary])
  return [
    'ksi runs LLM completion requests, one at a time per conversation.',
    '',
    paint('bold', 'Examples'),
    columns(
      [
        ['$ ksi dev', 'run it, and edit it while it works'],
        ['$ ksi send completion:async --prompt "Hello" --wait', 'ask, and wait for the answer'],
        ['$ ksi watch', 'follow what happens'],
        ['$ ksi status', 'what runs, what waits, what is wrong'],
      ],
      '  ',
    ),
    '',
    paint('bold', 'Commands') + '  (ksi COMMAND --help tells more)',
    columns(commands, '  '),
    '',
    paint('bold', 'Options'),
    columns([...optionRows(globalOptions), ['--version', 'the version of ksi']], '  '),
    '',
    paint('bold', 'Exit codes'),
    columns(
      Object.entries(exitCodes).map(([name, code]) => [String(code), meanings[name as keyof typeof exitCodes]]),
      '  ',
    ),
  ].join('\n')
}

/** `ksi COMMAND --help`. */
export function commandHelp(name: string, command: Command): string {
  const own = optionRows(command.options)
  return [
    `${commandTable[name]?.summary ?? name}.`,
    '',
    paint('bold', 'Examples'),
    columns(
      command.examples.map(([line, what]) => [`$ ksi ${line}`, what]),
      '  ',
    ),
    '',
    paint('bold', 'Usage') + `  ksi ${command.usage}`,
    ...(own.length === 0 ? [] : [columns(own, '  ')]),
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    '',
    paint('bold', 'Options of every command'),
    columns(
      optionRows(Object.fromEntries(Object.entries(globalOptions).filter(([option]) => !(option in command.options)))),
      '  ',
    ),
  ].join('\n')
}

/** The value's name is the help's first word, if that is in capitals. */
function optionRows(options: Command['options']): string[][] {
  return Object.entries(options).map(([name, { short, help }]) => {
    const [, value = '', text = help] = /^([A-Z]+) {2}(.*)$/.exec(help) ?? []
    return [`${short === undefined ? '' : `-${short}, `}--${name}${value === '' ? '' : ` ${value}`}`, text]
  })
}
