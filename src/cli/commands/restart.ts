import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { assertNotInDocker, doElsewhere } from '../elsewhere.ts'
import { printJson, say } from '../output.ts'
import { here, startAndReport } from '../starting.ts'
import { stopAndWait } from '../stopping.ts'

export const restart: Command = {
  usage: 'restart [--timeout TIME]',
  examples: [
    ['restart', 'stop the ksi of this root and start it again'],
    ['reload', 'enough for new code, and cuts no connection'],
  ],
  options: {},
  notes: ['A ksi in dev mode belongs to the terminal or container that runs it: this says how to restart it there.'],
  run: async (asked) => {
    const done = await doElsewhere(asked, 'restart')
    if (done !== undefined) return done
    const invocation = here(asked)
    const mode = await modeOf(invocation)
    if (mode === 'dev') return refuse(invocation)
    if (mode === undefined) await assertNotInDocker(asked, 'restart')
    await stopAndWait(invocation, { restart: true })
    return startAndReport(invocation)
  },
}

async function modeOf(invocation: Invocation): Promise<'dev' | 'production' | undefined> {
  try {
    await using client = await reach({ ...invocation, timeoutMs: 2_000 }, { reconnect: false })
    return (await client.request('supervisor:status')).mode
  } catch (error) {
    // Nobody answers: there is nothing to ask, and what hangs is stopped by its pid.
    if (error instanceof KsiError && (error.code === 'KSI_UNREACHABLE' || error.code === 'KSI_TIMEOUT'))
      return undefined
    throw error
  }
}

function refuse({ json }: Invocation): number {
  const advice =
    'end it there with Ctrl-C and run `npm run dev` again, or `docker compose restart daemon`. ' +
    'A save or `ksi reload` needs no restart.'
  if (json) printJson({ status: 'refused', reason: 'dev mode', advice })
  say(`ksi runs in dev mode in another terminal or in a container: ${advice}`)
  return exitCodes.failed
}
