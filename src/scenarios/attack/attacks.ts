import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { eventSpecs } from '../../contracts/events.ts'
import type { Attack, Attacker } from './attacker.ts'
import { oddAttacks } from './odd-attacks.ts'

const deepKeys = (depth: number): string => `${'{"0":'.repeat(depth)}1${'}'.repeat(depth)}`
const deepLists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const request = (event: string, data: unknown, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ event, data, ...more })
const megabyte = 1_048_576

/** Levels without end in what is refused, and so repeated in the refusal. */
const deepRefused: Attack = async (attacker) => {
  const depth = 1_000 + attacker.below(8_000)
  await attacker.line(`{"event":"x","correlation_id":${deepKeys(depth)}}`, 'tcp')
  await attacker.line(`{"event":5,"correlation_id":${deepKeys(depth)}}`)
}

/** Levels without end in what is taken on, to be repeated in the reply, and to be kept. */
const deepTaken: Attack = async (attacker) => {
  const depth = 1_000 + attacker.below(8_000)
  await attacker.line(`{"event":"completion:async","data":{"prompt":"x"},"correlation_id":${deepKeys(depth)}}`)
  await attacker.line(`{"event":"completion:async","data":{"prompt":"x","extra_body":${deepKeys(depth)}}}`)
  await attacker.line(`{"event":"system:discover","correlation_id":${deepLists(depth * 10)}}`)
  await delay(500)
}

/** Patterns and names that take a long time to compare. */
const slowNames: Attack = async (attacker) => {
  const stars = `${'*'.repeat(20 + attacker.below(60))}#`
  await attacker.line(request('system:discover', { event: stars }))
  await attacker.line(request('system:help', { event: `${'completion:'.repeat(20_000)}x` }))
  await attacker.line(request('monitor:'.repeat(megabyte / 8), {}))
  await delay(500)
}

/** Subscriptions whose patterns take a long time to compare with what happens. */
const slowSubscriptions: Attack = async (attacker) => {
  const socket = await attacker.connect()
  socket?.resume()
  const patterns = [`${'*'.repeat(20 + attacker.below(60))}#`, `${'*a'.repeat(20 + attacker.below(60))}#`]
  await attacker.write(socket, `${request('monitor:subscribe', { event_patterns: patterns })}\n`)
  await delay(1_000)
}

/** A little to send, a lot to answer; and nobody who reads it. */
const bigReplies: Attack = async (attacker) => {
  const id = `big-${attacker.below(1e9)}`
  const socket = await attacker.connect()
  socket?.resume()
  await attacker.write(socket, `${request('completion:async', { prompt: 'x'.repeat(megabyte), request_id: id })}\n`)
  await delay(300)
  socket?.pause()
  await attacker.write(socket, `${request('completion:status', { request_id: id })}\n`.repeat(700))
  await delay(500 + attacker.below(1_500))
}

/** Many who ask for much at once: some read slowly, some not at all. */
const crowd: Attack = async (attacker) => {
  const lines = `${request('system:discover', {})}\n`.repeat(1_000)
  const sockets = await Promise.all(Array.from({ length: 60 }, () => attacker.connect()))
  for (const [i, socket] of sockets.entries()) {
    if (i % 2 === 0) socket?.resume()
    void attacker.write(socket, lines)
  }
  await delay(2_500)
}

/** Large lines of every kind that is cheap to make. */
const largeLines: Attack = async (attacker) => {
  const filling = attacker.pick(['[', 'x', '1', ',', '"', '\\"', '{"a":', ' '])
  const body = filling.repeat(Math.floor((8 * megabyte - 200) / filling.length))
  const line = attacker.pick([body, `{"event":"system:health","data":{"a":"${body}"}}`, `{"event":"${body}"}`])
  const socket = await attacker.connect(attacker.pick(['unix', 'tcp', 'known']))
  socket?.resume()
  await attacker.write(socket, `${line}\n`)
  await delay(100)
}

/** Connections that say nothing, or half a line, for as long as they may. */
const idlers: Attack = async (attacker) => {
  const sockets = await Promise.all(Array.from({ length: 250 }, () => attacker.connect('tcp')))
  for (const socket of sockets) if (attacker.random() < 0.5) void attacker.write(socket, '{"event":')
  await delay(1_000)
}

/** Subscribers that never read. */
const deafSubscribers: Attack = async (attacker) => {
  const sockets = await Promise.all(Array.from({ length: 30 }, () => attacker.connect()))
  for (const socket of sockets) await attacker.write(socket, `${request('monitor:subscribe', {})}\n`)
  await delay(1_000)
}

/** Any bytes at all, and requests with some of their bytes changed. */
const rawBytes: Attack = async (attacker) => {
  for (let i = 0; i < 20; i++) {
    const valid = Buffer.from(
      `${request('completion:async', { prompt: 'x', session_id: 'raw' }, { _event_id: 'e' })}\n`,
    )
    const bytes =
      attacker.random() < 0.5
        ? Buffer.from(Array.from({ length: attacker.below(2_000) }, () => attacker.below(256)))
        : valid
    for (let n = attacker.below(4); n > 0 && bytes.length > 0; n--)
      bytes[attacker.below(bytes.length)] = attacker.below(256)
    const socket = await attacker.connect(attacker.pick(['unix', 'tcp', 'known']))
    socket?.resume()
    await attacker.write(socket, bytes)
    if (attacker.random() < 0.3) socket?.destroy()
  }
  await delay(50)
}

/** Events whose effects are the point of somebody else's test. */
const notFuzzed = new Set(['system:shutdown', 'system:reload', 'system:rollback', 'dev:restore', 'dev:checkpoint'])
const fields = Object.entries(eventSpecs)
  .filter(([name]) => !notFuzzed.has(name))
  .map(([name, { data: schema }]) => {
    const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    return { name, keys: Object.keys(properties) }
  })

/** Requests as the schemas know them, with values of any kind. */
const fromSchemas: Attack = async (attacker) => {
  const socket = await attacker.connect()
  socket?.resume()
  for (let i = 0; i < 300; i++) {
    const { name, keys } = fields[attacker.below(fields.length)] ?? { name: 'system:health', keys: [] }
    const data = Object.fromEntries(
      keys.filter(() => attacker.random() < 0.6).map((key) => [key, anyValue(attacker, 3)]),
    )
    const more = attacker.random() < 0.2 ? { _event_id: anyValue(attacker, 1), _client_id: anyValue(attacker, 1) } : {}
    await attacker.write(socket, `${request(name, data, { correlation_id: anyValue(attacker, 2), ...more })}\n`)
  }
  await delay(200)
}

function anyValue(attacker: Attacker, depth: number): unknown {
  const kind = attacker.below(depth > 0 ? 12 : 9)
  if (kind < 2)
    return attacker.pick(['', 'x', 'echo/echo', '\ud800', '../../etc', '*', 'x'.repeat(300), '\u0000', '🙂'])
  if (kind < 4) return attacker.pick([0, -1, 1.5, 1e308, 2 ** 53, 100, 3_600_001])
  if (kind < 5) return attacker.pick([null, true, false])
  if (kind < 9) return `v${attacker.below(20)}`
  if (kind < 10) return Array.from({ length: attacker.below(4) }, () => anyValue(attacker, depth - 1))
  const keys = ['echo', 'role', 'content', '__proto__', 'toJSON', 'constructor', '0']
  return Object.fromEntries(
    keys.filter(() => attacker.random() < 0.4).map((key) => [key, anyValue(attacker, depth - 1)]),
  )
}

export const attacks: Record<string, Attack> = {
  deepRefused,
  deepTaken,
  slowNames,
  slowSubscriptions,
  bigReplies,
  crowd,
  largeLines,
  idlers,
  deafSubscribers,
  rawBytes,
  fromSchemas,
  ...oddAttacks,
}
