import { version as ours } from '../../contracts/version.ts'
import { exitCodes } from '../../lib/errors.ts'
import type { Command } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { columns, print, printJson } from '../output.ts'

export const version: Command = {
  usage: 'version',
  examples: [['version', 'of this command, of Node, and of the daemon that answers']],
  options: {},
  notes: ['`ksi --version` tells that of the command alone, without asking anybody.'],
  run: async (invocation) => {
    const daemon = await versionOfDaemon()
    const about = { version: ours, node: process.version, root: invocation.place.root, daemon }
    if (invocation.json) printJson(about)
    else
      print(
        columns([
          ['ksi', ours],
          ['node', process.version],
          ['root', about.root],
          ['daemon', daemon ?? 'none answers'],
        ]),
      )
    return exitCodes.ok

    async function versionOfDaemon(): Promise<string | null> {
      try {
        await using client = await reach(
          { ...invocation, timeoutMs: invocation.timeoutMs ?? 2_000 },
          { reconnect: false },
        )
        const health = await client.request('system:health')
        return 'uptime' in health ? health.daemon_version : health.status
      } catch {
        return null
      }
    }
  },
}
