import { exitCodes, KsiError } from '../../lib/errors.ts'
import { globalOptions } from '../arguments.ts'
import type { Command } from '../command.ts'
import { print } from '../output.ts'

const shells = { bash: forBash, zsh: forZsh }

/** What a command's words can be, beside its options. */
const wordsOf: Record<string, string[]> = {
  checkpoint: ['create', 'list', 'show', 'diff'],
  request: ['show', 'cancel', 'retry'],
  config: ['show', 'check'],
  hold: ['list', 'provider', 'model', 'conversation', 'session', 'agent', 'all'],
  release: ['provider', 'model', 'conversation', 'session', 'agent', 'all'],
  policy: ['conversation', 'session', 'agent', 'day'],
  completion: Object.keys(shells),
}

export const completion: Command = {
  usage: 'completion bash|zsh',
  examples: [
    ['completion bash > ~/.local/share/bash-completion/completions/ksi', 'for all shells that start from now on'],
    ['completion zsh > "${fpath[1]}/_ksi"', 'the same for zsh'],
  ],
  words: 1,
  options: {},
  notes: ['For this shell alone: source <(ksi completion bash)'],
  run: async ({ positionals: [shell = ''] }) => {
    if (!isShell(shell)) throw new KsiError('KSI_BAD_REQUEST', 'Say for which shell: ksi completion bash, or zsh.')
    print(shells[shell](await choices()))
    return exitCodes.ok
  },
}

interface Choice {
  name: string
  summary: string
  words: string[]
}

function isShell(text: string): text is keyof typeof shells {
  return Object.hasOwn(shells, text)
}

async function choices(): Promise<Choice[]> {
  // Only here: the table names this command.
  const { commandTable } = await import('../command-table.ts')
  return Promise.all(
    Object.entries(commandTable).map(async ([name, { summary, load }]) => {
      const { options } = await load()
      const names = Object.keys({ ...options, ...globalOptions }).map((option) => `--${option}`)
      return { name, summary, words: [...(wordsOf[name] ?? []), ...names] }
    }),
  )
}

function forBash(commands: Choice[]): string {
  const cases = commands.map(({ name, words }) => `    ${name}) list="${words.join(' ')}" ;;`)
  return `# ksi for bash
_ksi() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  local list="${commands.map(({ name }) => name).join(' ')} help --help --version"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) list="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$list" -- "$word"))
}
complete -o default -F _ksi ksi`
}

function forZsh(commands: Choice[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
  return `#compdef ksi
_ksi() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, summary }) => `      ${quoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  case "\${words[2]}" in
${commands.map(({ name, words }) => `    ${name}) compadd -- ${words.join(' ')} ;;`).join('\n')}
  esac
}
if [ "$funcstack[1]" = _ksi ]; then _ksi; else compdef _ksi ksi; fi`
}
