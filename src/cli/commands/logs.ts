import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { sleep } from '../../lib/backoff.ts'
import { exitCodes, KsiError, systemCodeOf } from '../../lib/errors.ts'
import { escapedJson } from '../../lib/printable.ts'
import { readableLine } from '../../lib/readable-lines.ts'
import type { Command, Invocation } from '../command.ts'
import { publishedAddress } from '../daemon-link.ts'
import { onHost, otherContainer } from '../elsewhere.ts'
import { LogReader, ofGeneration } from '../log-reader.ts'
import { whenReaderGoes } from '../reader.ts'

const defaultLines = 100
const pollMs = 100

export const logs: Command = {
  usage: 'logs [--boot N] [--lines N] [--follow]',
  examples: [
    ['logs', 'the last 100 lines'],
    ['logs --follow', 'and what comes, until Ctrl-C'],
    ['logs --boot 7', 'what was logged while generation 7 was live'],
    ['logs --json | grep \'"level":50\'', 'the lines as they are kept: one JSON object each'],
  ],
  options: {
    boot: { type: 'string', help: 'N  only while this generation was live' },
    lines: { type: 'string', help: 'N  at most so many of the last; default 100, with --boot all' },
    follow: { type: 'boolean', short: 'f', help: 'go on with what is logged from now on' },
  },
  notes: ['Reads var/logs/daemon.log under the root; where Docker runs this ksi, the one in its container.'],
  run: async (invocation) => {
    const { values, place } = invocation
    const boot = readCount(values, 'boot')
    const lines = readCount(values, 'lines') ?? (boot === undefined ? defaultLines : Infinity)
    const reader = new LogReader(place.logFile)
    const tell = teller(invocation, boot)
    try {
      tell(reader.next(), lines)
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error
      return await askContainer(invocation)
    }
    if (values['follow'] === true) await follow(reader, (more) => tell(more, Infinity))
    return exitCodes.ok
  },
}

function teller({ json, env }: Invocation, boot: number | undefined): (lines: string[], atMost: number) => void {
  const fits = boot === undefined ? () => true : ofGeneration(boot)
  const readable = json ? undefined : readableLine(process.stdout.isTTY && !env['NO_COLOR'])
  return (lines, atMost) => {
    const told = lines.filter(fits)
    for (const line of atMost === Infinity ? told : told.slice(Math.max(0, told.length - atMost)))
      process.stdout.write(readable === undefined ? `${escapedJson(line)}\n` : readable(line))
  }
}

async function follow(reader: LogReader, tell: (lines: string[]) => void): Promise<void> {
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort())
  const rest = whenReaderGoes(() => end.abort())
  while (!end.signal.aborted) {
    if (reader.hasMore()) tell(reader.next())
    else await sleep(pollMs, end.signal)
  }
  rest()
}

/** The log of a ksi in Docker lies on a volume of its own: the same command, run there, reads it. */
async function askContainer(invocation: Invocation): Promise<number> {
  const { place, values, json } = invocation
  const other = await otherContainer(invocation)
  if (other !== undefined && other.state !== 'running') throw onHost(other, 'logs daemon')
  if (other === undefined && (!place.byRoot || (await publishedAddress(place.root)) === undefined))
    throw new KsiError('KSI_NOT_FOUND', `There is no log at ${place.logFile}: ksi has not run under ${place.root} yet.`)
  const options = (['boot', 'lines'] as const).flatMap((name) =>
    typeof values[name] === 'string' ? [`--${name}`, values[name]] : [],
  )
  const flags = [...(values['follow'] === true ? ['--follow'] : []), ...(json ? ['--json'] : [])]
  const command = ['compose', 'exec', '-T', 'daemon', 'ksi', 'logs', ...options, ...flags]
  const child = spawn('docker', command, { cwd: place.root, stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? exitCodes.failed
}

function readCount(values: Invocation['values'], name: string): number | undefined {
  const given = values[name]
  if (given === undefined) return undefined
  if (typeof given !== 'string' || !/^\d{1,9}$/.test(given))
    throw new KsiError('KSI_BAD_REQUEST', `--${name} takes a number, not "${given}".`)
  return Number(given)
}
