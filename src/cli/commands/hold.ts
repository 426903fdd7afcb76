import { exitCodes } from '../../lib/errors.ts'
import { assertNoMore, readDuration } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { holdLine } from '../hold-lines.ts'
import { holdable, readTarget } from '../hold-target.ts'
import { print, printJson } from '../output.ts'

export const hold: Command = {
  usage: 'hold list | hold provider|model|conversation|session|agent NAME | hold all',
  words: 2,
  examples: [
    ['hold', 'what is held, until when and why'],
    ['hold provider anthropic --reason "the bill first"', 'start nothing more of it until it is released'],
    ['hold conversation c1 --for 10m', 'one conversation, for ten minutes'],
    ['hold all', 'start nothing more at all; what runs goes on'],
  ],
  options: {
    reason: { type: 'string', help: 'TEXT  why, for whoever sees it' },
    for: { type: 'string', help: 'TIME  so long: 500ms, 5s, 2m; default: until it is released' },
  },
  notes: [
    'What is held stays queued, in its order, and is shown by `ksi status`. A limit of use, an outage, a failed turn ' +
      'and a budget hold by themselves: docs/operations.md.',
  ],
  run: async (invocation) => {
    const [word = 'list', ...more] = invocation.positionals
    if (word !== 'list') return place(invocation)
    assertNoMore(hold.usage, more, 0)
    await using client = await reach(invocation)
    const reply = await client.request('completion:holds', {})
    if (invocation.json) printJson(reply)
    else if (reply.total === 0) print('Nothing is held.')
    else {
      for (const one of reply.holds) print(holdLine(one))
      if (reply.total > reply.holds.length) print(`and ${reply.total - reply.holds.length} more`)
    }
    return exitCodes.ok
  },
}

async function place(invocation: Invocation): Promise<number> {
  const { reason, for: time } = invocation.values
  const target = readTarget(hold.usage, invocation.positionals, holdable)
  const data = {
    ...target,
    ...(typeof reason === 'string' && { reason }),
    ...(typeof time === 'string' && { for_ms: readDuration(time) }),
  }
  await using client = await reach(invocation)
  const reply = await client.request('completion:hold', data)
  if (invocation.json) printJson(reply)
  else print(holdLine(reply.hold))
  return exitCodes.ok
}
