import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { print, printJson } from '../output.ts'

export const losses: Command = {
  usage: 'losses [acknowledge]',
  examples: [
    ['losses', 'what of the journal was lost, with counts'],
    ['losses acknowledge', 'it is known: status, health and page stop saying it'],
  ],
  words: 1,
  options: {},
  notes: ['Exits with 1 while there are losses that nobody has acknowledged.'],
  run: async (invocation) => {
    const [action] = invocation.positionals
    if (action !== undefined && action !== 'acknowledge')
      throw new KsiError('KSI_BAD_REQUEST', `"${action}" is nothing that can be done with losses: say acknowledge.`)
    const acknowledge = action === 'acknowledge'
    await using client = await reach(invocation)
    const reply = await client.request('dev:losses', { action: acknowledge ? 'acknowledge' : 'list' })
    if (invocation.json) printJson(reply)
    else if (reply.losses.length === 0) print('Nothing was lost that is not acknowledged.')
    else {
      for (const { at, message } of reply.losses) print(`${new Date(at).toISOString()} ${message}`)
      if (!acknowledge) print('Once this is known: ksi losses acknowledge')
    }
    return acknowledge || reply.losses.length === 0 ? exitCodes.ok : exitCodes.failed
  },
}
