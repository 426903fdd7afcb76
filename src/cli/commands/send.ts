import { readFileSync } from 'node:fs'
import { errorCodes, exitCodes, KsiError, messageOf } from '../../lib/errors.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import type { KsiClient } from '../../client/client.ts'
import { didYouMean, globalOptions } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { endOf, followStream } from '../follow-stream.ts'
import { printJson, say } from '../output.ts'

const options: Command['options'] = {
  data: { type: 'string', help: "OBJECT  the event's data" },
  file: { type: 'string', help: 'PATH  the data from a file, - for stdin' },
  wait: { type: 'boolean', help: 'wait for the outcome of the request, and print that' },
  stream: { type: 'boolean', help: "print the request's text as it comes (--json: every piece)" },
}
const ownOptions = { ...globalOptions, ...options }
// Values of these are text also when they look like a number.
const alwaysText = /^(prompt|model|reason|.+_id)$/
const replyGraceMs = 5_000

export const send: Command = {
  usage: 'send EVENT [--name VALUE …] [--data OBJECT] [--file PATH] [--wait | --stream] [--timeout TIME]',
  examples: [
    ['send completion:async --prompt "Hello" --wait', 'ask, and wait for the outcome'],
    ['send completion:async --prompt "Hello" --stream', 'ask, and read along'],
    ['send completion:async --prompt "And then?" --session-id abc', 'go on with a conversation'],
    [`send completion:async --data '{"prompt":"Hi","extra_body":{"echo":{"latency_ms":500}}}'`, 'any data'],
    ['send completion:status', 'no data'],
    ['send system:help --event completion:async', 'what an event takes'],
  ],
  words: 1,
  options,
  notes: [
    'Any other --name VALUE goes into the data: as JSON if it is JSON, else as text; --session-id is session_id; ' +
      'no value is true. A value that begins with dashes is written --prompt=--so.',
    'Prints the data of the reply as JSON. Exits with 1 when that is an error, ' +
      'or the awaited request did not complete.',
    '--timeout: default 30s, with --wait an hour.',
  ],
  takeData,
  run: async (invocation) => {
    const [event] = invocation.positionals
    if (event === undefined)
      throw new KsiError(
        'KSI_BAD_REQUEST',
        'Say one event: ksi send EVENT [--name VALUE …]. `ksi send system:discover` lists them.',
      )
    const data = { ...readData(invocation), ...invocation.data }
    await using client = await reach(invocation)
    const reply = await client.request(event, data, { raw: true, timeoutMs: replyLimit(invocation, data) })
    if (isObject(reply) && typeof reply['error'] === 'string') return reportError(reply, reply['error'])
    if (invocation.values['stream'] === true)
      return await followStream(client, requestOf(reply, '--stream'), { json: invocation.json })
    if (invocation.values['wait'] === true) return await waitFor(client, reply, invocation.timeoutMs)
    printJson(reply)
    return exitCodes.ok
  },
}

/** Takes `--name value` pairs of unknown names out of the command line. */
function takeData(given: readonly string[]): { args: string[]; data: Record<string, unknown> } {
  const args: string[] = []
  const data: Record<string, unknown> = {}
  for (let at = 0; at < given.length; at++) {
    const argument = given[at] ?? ''
    const [, name, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(argument) ?? []
    const next = given[at + 1]
    if (name === undefined) args.push(argument)
    else if (name === 'json' && (inline ?? next)?.trimStart().startsWith('{') === true)
      throw new KsiError('KSI_BAD_REQUEST', "--json asks for JSON as output. What is sent is --data '{…}'.")
    else if (Object.hasOwn(ownOptions, name)) {
      args.push(argument)
      if (inline === undefined && ownOptions[name]?.type === 'string' && next !== undefined)
        args.push(given[++at] ?? '')
    } else {
      const hasNext = inline === undefined && next !== undefined && !next.startsWith('--')
      const text = hasNext ? given[++at] : inline
      const key = name.replaceAll('-', '_')
      if (text === undefined && alwaysText.test(key)) throw noValue(name, next)
      data[key] = text === undefined ? true : toValue(key, text)
    }
  }
  return { args, data }
}

function noValue(name: string, next: string | undefined): KsiError {
  const how = next === undefined ? '' : ` One that begins with dashes is written so: --${name}=${next}`
  return new KsiError('KSI_BAD_REQUEST', `--${name} needs a value.${how}`)
}

function toValue(key: string, text: string): unknown {
  if (alwaysText.test(key)) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Not JSON, so it is text.
    return text
  }
}

function readData({ values }: Invocation): Record<string, unknown> {
  const { data, file } = values
  if (data !== undefined && file !== undefined) throw new KsiError('KSI_BAD_REQUEST', 'Say --data or --file, not both.')
  if (typeof data === 'string') return toObject(data, '--data')
  return typeof file === 'string' ? toObject(readText(file), `--file ${file}`) : {}
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new KsiError('KSI_BAD_REQUEST', `--file ${file} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function toObject(text: string, from: string): Record<string, unknown> {
  const object = parseObject(text)
  if (object === undefined) throw new KsiError('KSI_BAD_REQUEST', `${from} is no JSON object, like {"prompt":"Hello"}.`)
  return object
}

/** A `completion:wait` has a time limit of its own, which the reply may take. */
function replyLimit({ timeoutMs, values }: Invocation, data: Record<string, unknown>): number | undefined {
  if (timeoutMs !== undefined && values['wait'] !== true) return timeoutMs
  return typeof data['timeout_ms'] === 'number' ? Math.max(30_000, data['timeout_ms'] + replyGraceMs) : undefined
}

function requestOf(reply: unknown, option: string): string {
  const requestId = isObject(reply) ? reply['request_id'] : undefined
  if (typeof requestId === 'string') return requestId
  const what = `${option} is for events whose reply has a request_id, as completion:async has.`
  throw new KsiError('KSI_BAD_REQUEST', what)
}

async function waitFor(client: KsiClient, reply: unknown, timeoutMs: number | undefined): Promise<number> {
  const requestId = requestOf(reply, '--wait')
  say(`Request ${requestId} is taken, waiting for its outcome …`)
  const outcome = await client.wait(requestId, timeoutMs === undefined ? {} : { timeoutMs })
  printJson(outcome)
  if (outcome.status !== 'completed') say(`ksi: ${endOf(outcome)}`)
  return outcome.status === 'completed' ? exitCodes.ok : exitCodes.failed
}

function reportError(reply: Record<string, unknown>, message: string): number {
  printJson(reply)
  const { code, similar } = reply
  // What is no parameter may be one of our own options, misspelt.
  const [, parameter] = /^Unknown parameter: (\w+)\. (?!Did)/.exec(message) ?? []
  const ours = parameter === undefined ? '' : didYouMean(parameter, Object.keys(ownOptions), '--')
  const theirs = Array.isArray(similar) && similar.length > 0 ? ` Did you mean ${similar.join(' or ')}?` : ''
  say(`ksi: ${message}${theirs}${ours}`)
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
    ? errorCodes[code as keyof typeof errorCodes]
    : exitCodes.failed
}
