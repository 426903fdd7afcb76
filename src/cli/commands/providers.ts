import type { EventReply } from '../../contracts/events.ts'
import type { ProviderState } from '../../contracts/providers.ts'
import { exitCodes } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { holdLine } from '../hold-lines.ts'
import { brief, columns, duration, paint, print, printJson } from '../output.ts'

export const providers: Command = {
  usage: 'providers [NAME]',
  words: 1,
  examples: [
    ['providers', 'which there are, what each lacks, and how its last run ended'],
    ['providers anthropic --json', 'one of them, for a program'],
  ],
  options: {},
  notes: [
    'Keys are read from the environment of the runner, at its start; they are never shown.',
    'What each provider honours: docs/providers.md.',
  ],
  run: async (invocation) => {
    await using client = await reach(invocation)
    const [provider] = invocation.positionals
    const reply = await client.request('completion:provider_status', provider === undefined ? {} : { provider })
    if (invocation.json) printJson(reply)
    else print(describe(reply.providers))
    return exitCodes.ok
  },
}

type Standing = EventReply<'completion:provider_status'>['providers'][number]

function describe(providers: Standing[]): string {
  const held = providers.flatMap(({ holds }) => holds).map((hold) => holdLine(hold))
  return [columns(providers.map(row)), ...new Set(held)].join('\n')
}

function row(state: Standing): string[] {
  return [paint('bold', `${state.provider}/…`), standing(state), runs(state)]
}

function standing({ configured, healthy, problem, holds }: Standing): string {
  if (holds.some(({ scope }) => scope !== 'model')) return 'held'
  if (!configured) return `not configured: ${problem ?? ''}`
  return healthy === null ? 'configured' : healthy ? 'healthy' : 'failing'
}

function runs({ completed, failed, healthy, last_success, last_failure, last_error }: ProviderState): string {
  const at = healthy === false ? last_failure : last_success
  if (at === null) return ''
  const ago = `${duration(Date.now() - Date.parse(at))} ago`
  const said = healthy === false ? `${ago}: ${brief(last_error ?? '')}` : ago
  return `${completed} completed, ${failed} failed, last ${said}`
}
