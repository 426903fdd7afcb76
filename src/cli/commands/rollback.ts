import { exitCodes } from '../../lib/errors.ts'
import { printable } from '../../lib/printable.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { paint, print, printJson, say } from '../output.ts'
import { describePhases, handOverTimeoutMs } from './reload.ts'

export const rollback: Command = {
  usage: 'rollback [--timeout TIME]',
  examples: [['rollback', 'hand over to the code that was live before; run it again to go back further']],
  options: {},
  notes: [
    'Your files stay as they are: what is live is a copy, and the status names the files that are not. The next save,',
    'or `ksi reload`, boots what is on disk again, and so does a new start. Runners go on with the code they have.',
    'Exits with 1 when there is nothing to go back to, or the journal is not one that code can work on.',
  ],
  run: async (invocation) => {
    await using client = await reach({ ...invocation, timeoutMs: invocation.timeoutMs ?? handOverTimeoutMs })
    const reply = await client.request('system:rollback', {}, { raw: true })
    if (invocation.json) printJson(reply)
    if (reply.status === 'rolled_back') {
      if (invocation.json) return exitCodes.ok
      print(`Generation ${reply.generation} is live${describePhases(reply.phases)}, with the code from before.`)
      print(printable(`Not live now: ${reply.files.join(', ') || 'nothing that was saved'}.`))
      return exitCodes.ok
    }
    say(`${paint('red', 'Not rolled back')}: ${reply.error}`)
    return exitCodes.failed
  },
}
