import type { EventInput } from '../../contracts/events.ts'
import type { Policy } from '../../contracts/events/holds.ts'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { readTarget } from '../hold-target.ts'
import { columns, print, printJson } from '../output.ts'

export const policy: Command = {
  usage: 'policy conversation|session|agent NAME | policy day',
  words: 2,
  examples: [
    ['policy day', 'what may be used today, and what is'],
    ['policy agent ann --tokens 2000000', 'so many a day; raised above what is used, it releases'],
    [
      'policy conversation c1 --on-failure hold --cost-usd 5',
      'wait for somebody when a turn fails, or at five dollars',
    ],
    ['policy day --tokens none', 'as the setting says again'],
  ],
  options: {
    tokens: { type: 'string', help: 'N  read and written together; none: as the settings say' },
    'cost-usd': { type: 'string', help: 'X  US dollars, where the provider tells; none: as the settings say' },
    'on-failure': { type: 'string', help: 'continue|hold|none  of a conversation: what a failed turn does' },
  },
  notes: [
    'A conversation has its budget in all, an agent and the day by UTC day. Settings for all: KSI_BUDGET_TOKENS.',
  ],
  run: async (invocation) => {
    const target = readTarget(policy.usage, invocation.positionals, ['conversation', 'session', 'agent', 'day'])
    const data = { ...target, ...changes(invocation) }
    await using client = await reach(invocation)
    const reply = await client.request('completion:policy', data)
    if (invocation.json) printJson(reply)
    else print(describe(reply))
    return exitCodes.ok
  },
}

type Changes = Pick<EventInput<'completion:policy'>, 'tokens' | 'cost_usd' | 'on_failure' | 'unset'>

function changes({ values }: Invocation): Changes {
  const { tokens, 'cost-usd': cost, 'on-failure': onFailure } = values
  const given = { tokens, cost_usd: cost, on_failure: onFailure } as const
  const unset = (['tokens', 'cost_usd', 'on_failure'] as const).filter((name) => given[name] === 'none')
  return {
    ...(unset.length > 0 && { unset }),
    ...(typeof tokens === 'string' && tokens !== 'none' && { tokens: numberOf('--tokens', tokens) }),
    ...(typeof cost === 'string' && cost !== 'none' && { cost_usd: numberOf('--cost-usd', cost) }),
    ...(typeof onFailure === 'string' && onFailure !== 'none' && { on_failure: choice(onFailure) }),
  }
}

function numberOf(option: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new KsiError('KSI_BAD_REQUEST', `${option} takes a number from 0 on, or none; not "${text}".`)
  return number
}

function choice(text: string): 'continue' | 'hold' {
  if (text === 'continue' || text === 'hold') return text
  throw new KsiError('KSI_BAD_REQUEST', `--on-failure takes continue, hold or none; not "${text}".`)
}

function describe({ scope, name, on_failure, tokens, cost_usd, tokens_used, cost_usd_used }: Policy): string {
  const of = (used: string, most: string | null): string =>
    most === null ? `${used}, no budget` : `${used} of ${most}`
  const dollars = (n: number): string => `${n.toFixed(2)} US dollars`
  const per = scope === 'conversation' ? 'in all' : 'today (UTC)'
  const rows = [
    ['tokens', `${of(String(tokens_used), tokens === null ? null : String(tokens))} ${per}`],
    ['cost', `${of(dollars(cost_usd_used), cost_usd === null ? null : dollars(cost_usd))} ${per}`],
    ...(scope === 'conversation' ? [['when a turn fails', on_failure ?? 'as KSI_ON_FAILURE says']] : []),
  ]
  return `${scope === 'day' ? 'the day' : `${scope} ${name}`}\n${columns(rows, '  ')}`
}
