import type { Command } from '../command.ts'
import { doElsewhere } from '../elsewhere.ts'
import { startAndReport } from '../starting.ts'
import { runInForeground } from '../supervisor-process.ts'

export const start: Command = {
  usage: 'start [--foreground] [--timeout TIME]',
  examples: [
    ['start', 'run in the background, and wait until it serves'],
    ['start --foreground', 'stay in this terminal, as containers and systemd want it'],
  ],
  options: { foreground: { type: 'boolean', help: 'do not go into the background' } },
  notes: [
    'Starts the ksi under --root, without watching its files.',
    'What is queued is kept in var/db over stops; with KSI_CHECKPOINT=off each start begins empty.',
    'Output goes to var/logs/daemon.log. When it runs already, says so and exits with 0.',
    'When it ends at its start, prints the last lines of the log and exits with its code. --timeout: default 30s.',
  ],
  run: async (invocation) => {
    const done = await doElsewhere(invocation, 'start')
    if (done !== undefined) return done
    return invocation.values['foreground'] === true
      ? runInForeground(invocation, 'production')
      : startAndReport(invocation)
  },
}
