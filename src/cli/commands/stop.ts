import { exitCodes } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { assertHere, assertNotInDocker } from '../elsewhere.ts'
import { print, printJson } from '../output.ts'
import { stopAndWait } from '../stopping.ts'

export const stop: Command = {
  usage: 'stop [--timeout TIME]',
  examples: [['stop', 'take a checkpoint, end, and wait until it has ended']],
  options: {},
  notes: ['Exits with 0 also when ksi was not running, with 75 when it still runs at the time limit (default 20s).'],
  run: async (invocation) => {
    assertHere(invocation, 'stop')
    const status = await stopAndWait(invocation)
    if (status === 'not running') await assertNotInDocker(invocation, 'stop')
    if (invocation.json) printJson({ status })
    else print(status === 'stopped' ? 'ksi has ended.' : 'ksi was not running.')
    return exitCodes.ok
  },
}
