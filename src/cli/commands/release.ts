import { exitCodes } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { heldThing } from '../hold-lines.ts'
import { holdable, readTarget } from '../hold-target.ts'
import { brief, print, printJson } from '../output.ts'

export const release: Command = {
  usage: 'release provider|model|conversation|session|agent NAME | release all',
  words: 2,
  examples: [
    ['release provider anthropic', 'whatever holds it: a limit, an outage, somebody'],
    ['release conversation c1 --reason "go on without it"', 'after a turn that failed'],
    ['release all', 'the hold on everything; others stay'],
  ],
  options: { reason: { type: 'string', help: 'TEXT  why, for whoever sees it' } },
  notes: ['Exits with 1 when nothing holds it. What is held: ksi hold list.'],
  run: async (invocation) => {
    const { reason } = invocation.values
    const target = readTarget(release.usage, invocation.positionals, holdable)
    await using client = await reach(invocation)
    const reply = await client.request('completion:release', {
      ...target,
      ...(typeof reason === 'string' && { reason }),
    })
    if (invocation.json) printJson(reply)
    else
      for (const one of reply.released)
        print(`${heldThing(one)} is released (it was held by ${one.cause}: ${brief(one.reason)}).`)
    return exitCodes.ok
  },
}
