import type { Command } from '../command.ts'
import { runInForeground } from '../supervisor-process.ts'

export const dev: Command = {
  usage: 'dev [--root DIR]',
  examples: [
    ['dev', 'run ksi in this terminal; save a file, and the new code takes over'],
    ['dev --root ../other', 'the ksi of another checkout'],
  ],
  options: {},
  notes: [
    'Ctrl-C ends it after a checkpoint: what is queued goes on at the next start.',
    'Exits with the code of the supervisor.',
  ],
  run: (invocation) => runInForeground(invocation, 'dev'),
}
