import { createConnection } from 'node:net'
import { exitCodes } from '../lib/errors.ts'
import { LineDecoder, parseObject } from '../lib/ndjson.ts'
import { readHostSettings } from './host/host-settings.ts'

/*
 * What a container of the runner host runs beside it: `health`, its health check, and `drain`, its pre_stop hook, which
 * waits until nothing runs any more, ends by itself and with 0 whatever happens: SIGTERM alone is just as safe.
 */

const healthMs = 2_000
/** How long, above the host's own limit, the end of what runs is waited for. */
const graceMs = 5_000

const settings = readHostSettings(process.env)
const drains = process.argv[2] === 'drain'
const failed = drains ? exitCodes.ok : exitCodes.failed

function give(up: string): never {
  process.stderr.write(`ksi runner: ${up}\n`)
  process.exit(failed)
}

const limitMs = drains ? settings.drainMs + graceMs : healthMs
setTimeout(() => give(`no answer within ${limitMs} ms`), limitMs)
const socket = createConnection(settings.socket)
socket.on('error', ({ message }) => give(`the runner host does not answer: ${message}`))
socket.on('close', () => give('the runner host has ended'))
const decoder = new LineDecoder(16_777_216, (text) => {
  const list = parseObject(text)
  if (list?.['type'] !== 'runners' || !Array.isArray(list['runners'])) return
  if (drains && list['draining'] === true && list['runners'].length === 0) process.exit(exitCodes.ok)
  if (drains) return
  const accepting = list['runners'].some((one: { accepting?: unknown }) => one.accepting === true)
  if (accepting) process.exit(exitCodes.ok)
  give(typeof list['problem'] === 'string' ? list['problem'] : 'no runner takes work')
})
socket.on('data', (chunk: Buffer) => decoder.push(chunk))
if (drains) socket.write('{"type":"drain"}\n')
socket.write('{"type":"watch"}\n')
