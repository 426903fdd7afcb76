import { exitCodes, KsiError } from '../../lib/errors.ts'
import { ensureSecret, replaceSecret } from '../../lib/secret-file.ts'
import type { Command } from '../command.ts'
import { print, printJson, say } from '../output.ts'
import { asksForToken, readingTokenPath, tokenPath } from '../place.ts'
import { findSupervisor } from '../supervisor-process.ts'

export const token: Command = {
  usage: 'token [--new]',
  examples: [
    ['token', 'what a TCP connection must show'],
    ['token --new', 'another one: the old one lets nobody in any more'],
    ['send system:health --address 127.0.0.1:4310', 'with KSI_TOKEN set to it, over TCP'],
  ],
  options: { new: { type: 'boolean', help: 'replace it, and the one of the page' } },
  notes: [
    'It goes into "_token" on the first line of a TCP connection. The Unix socket asks for none.',
    'Connections that are open stay open. Links that `ksi page` printed before --new open nothing any more.',
    'KSI_TOKEN, where ksi runs, sets it to a value of your own.',
  ],
  run: async ({ place, env, json, values }) => {
    const given = env['KSI_TOKEN']
    const isGiven = given !== undefined && given !== '' && given !== 'auto'
    if (isGiven && values['new'] === true)
      throw new KsiError('KSI_BAD_REQUEST', 'KSI_TOKEN sets the token: change it there, and start ksi again.')
    findSupervisor(place.root)
    const make = values['new'] === true ? replaceSecret : ensureSecret
    const shown = isGiven ? given : make(tokenPath(place.root))
    if (values['new'] === true) replaceSecret(readingTokenPath(place.root))
    if (json) printJson({ token: shown, asked_for: asksForToken(env) })
    else print(shown)
    if (!asksForToken(env))
      say('ksi: TCP does not ask for it here: set KSI_TOKEN=auto, in .env for Compose, and start ksi again.')
    return exitCodes.ok
  },
}
