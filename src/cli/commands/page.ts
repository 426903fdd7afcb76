import type { Command, Invocation } from '../command.ts'
import { exitCodes } from '../../lib/errors.ts'
import { ensureSecret } from '../../lib/secret-file.ts'
import { reach } from '../daemon-link.ts'
import { print, printJson } from '../output.ts'
import { asksForToken, readingTokenPath } from '../place.ts'
import { findSupervisor } from '../supervisor-process.ts'

const defaultTimeoutMs = 2_000

export const page: Command = {
  usage: 'page',
  examples: [['page', 'the link that opens the status page with all it can show']],
  options: {},
  notes: [
    'The link carries a token with which things can be read and nothing be changed; `ksi token --new` ends it.',
    'Without it the page still shows how ksi is, but no prompt, no answer and no data of an event.',
  ],
  run: async (invocation) => {
    const { place, env, json } = invocation
    findSupervisor(place.root)
    const url = new URL(await pageUrl(invocation))
    if (asksForToken(env)) url.searchParams.set('token', ensureSecret(readingTokenPath(place.root)))
    if (json) printJson({ url: url.href })
    else print(url.href)
    return exitCodes.ok
  },
}

/** Where the page is, by the daemon's word; where it should be, when there is no daemon: the page outlives it. */
async function pageUrl(invocation: Invocation): Promise<string> {
  const { env, timeoutMs = defaultTimeoutMs } = invocation
  try {
    await using client = await reach({ ...invocation, timeoutMs }, { reconnect: false })
    const { sidecar } = await client.request('supervisor:status')
    if (sidecar !== null) return sidecar.url
  } catch {
    // Nobody answers.
  }
  return `http://127.0.0.1:${env['KSI_SIDECAR_PORT'] || '4311'}/`
}
