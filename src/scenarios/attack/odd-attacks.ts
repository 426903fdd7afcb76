import { setTimeout as delay } from 'node:timers/promises'
import type { Attack } from './attacker.ts'

const megabyte = 1_048_576

/** A line that comes a byte at a time, or in many pieces, on many connections at once; some are never finished. */
const slowLines: Attack = async (attacker) => {
  const text = '{"event":"completion:async","data":{"prompt":"slow"}}\n'
  const sockets = await Promise.all(
    Array.from({ length: 100 }, (_, i) => attacker.connect((['tcp', 'known'] as const)[i % 4] ?? 'unix')),
  )
  for (const socket of sockets) socket?.resume()
  for (let at = 0; at < text.length; at += 1 + attacker.below(8))
    for (const socket of sockets) if (attacker.random() < 0.9) void attacker.write(socket, text.slice(at, at + 4))
  await delay(100)
}

/** Half of a large line each, all given up in its middle. */
const halfLines: Attack = async (attacker) => {
  const half = `{"event":"completion:async","data":{"prompt":"${'x'.repeat(attacker.below(7) * megabyte)}`
  const sockets = await Promise.all(Array.from({ length: 10 }, () => attacker.connect()))
  await Promise.all(sockets.map((socket) => attacker.write(socket, half, 300)))
  for (const socket of sockets) socket?.destroy()
}

/** Subscribes and ends it again, as fast as it is taken. */
const restless: Attack = async (attacker) => {
  const socket = await attacker.connect()
  socket?.resume()
  const both =
    '{"event":"monitor:subscribe","data":{"since":0}}\n{"event":"monitor:unsubscribe"}\n' +
    '{"event":"monitor:subscribe","data":{"event_patterns":["*"]}}\n'
  await attacker.write(socket, both.repeat(3_000))
  await delay(300)
}

/** Asks for a lot and hangs up before, while and after it is answered. */
const leavers: Attack = async (attacker) => {
  const lines = '{"event":"system:discover","data":{"level":"full"}}\n'.repeat(50)
  const sockets = await Promise.all(Array.from({ length: 100 }, () => attacker.connect()))
  for (const socket of sockets) {
    if (attacker.random() < 0.5) socket?.resume()
    await attacker.write(socket, lines, 1)
    if (attacker.random() < 0.3) socket?.destroy()
    else if (attacker.random() < 0.5) socket?.end()
  }
  await delay(200)
}

/** A thousand connections that stay, each with a word. */
const everybody: Attack = async (attacker) => {
  for (let round = 0; round < 4; round++) {
    const sockets = await Promise.all(Array.from({ length: 250 }, () => attacker.connect()))
    for (const socket of sockets) void attacker.write(socket, '{"event":"system:health"}\n', 1)
  }
  await delay(200)
}

const strange = [
  '   \t  ',
  '\r',
  '\u0000',
  '\ufeff{"event":"system:health"}',
  '{"event":"system:health"}\r',
  '{"event":"system:health","event":"completion:status"}',
  '{"event":"completion:async","data":{"prompt":"a","prompt":"b","request_id":"twice","request_id":"twice2"}}',
  '{"event":"completion:async","data":{"__proto__":{"prompt":"x"},"prompt":"y"}}',
  '{"__proto__":{"event":"system:health"}}',
  '{"event":"constructor"}',
  '{"event":"__proto__","data":{"toString":1}}',
  '{"event":"completion:wait","data":{"request_id":"r","timeout_ms":1e999}}',
  '{"event":"monitor:subscribe","data":{"since":1e999}}',
  '{"event":"monitor:subscribe","data":{"since":-1}}',
  '{"event":"completion:async","data":{"prompt":"x","max_tokens":1e400,"temperature":-1e400}}',
  '{"event":"completion:async","data":{"prompt":"\\ud800","session_id":"\\udfff","agent_id":"\\ud800"}}',
  '{"event":"\\ud800","correlation_id":"\\ud800"}',
  '{"event":"compl\u0435tion:async","data":{"prompt":"x"}}',
  '{"event":"completion:async","data":{"prompt":"x"},"_event_id":"\\ud800"}',
  '{"event":"completion:async","data":{"prompt":"x","request_id":"../../etc/passwd"}}',
  '{"event":"system:health","_event_id":" \\n","_client_id":"\\u0000","_agent_id":{}}',
  'null',
  '"text"',
  '[]',
  '1e999',
] as const

/** Lines that are nearly right, or right in a way nobody thinks of. */
const strangeLines: Attack = async (attacker) => {
  const correlation = JSON.stringify('c'.repeat(1_000))
  const deep = `{"event":"system:health","correlation_id":${'['.repeat(8)}${correlation}${']'.repeat(8)}}`
  const wide = `{"event":"completion:async","data":{"prompt":"x","extra_body":{"a":[${'0,'.repeat(19_000)}0]}}}`
  const body = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`
  const narrow = `{"event":"completion:async","data":{"prompt":"x","extra_body":${body}}}`
  for (const where of ['unix', 'known', 'tcp'] as const) {
    const socket = await attacker.connect(where)
    socket?.resume()
    for (const text of [...strange, deep, wide, narrow]) await attacker.write(socket, `${text}\n`)
  }
  for (const text of strange) await attacker.line(text, 'tcp')
  await delay(100)
}

/** Prompts as large as a line may be. */
const largePrompts: Attack = async (attacker) => {
  const socket = await attacker.connect()
  socket?.resume()
  const prompt = 'x'.repeat(2 * megabyte + attacker.below(4 * megabyte))
  await attacker.write(socket, `{"event":"completion:async","data":{"prompt":"${prompt}","session_id":"large"}}\n`)
  await delay(400)
}

/** What was found by looking for it, after what had hurt before. */
export const oddAttacks: Record<string, Attack> = {
  slowLines,
  halfLines,
  restless,
  leavers,
  everybody,
  strangeLines,
  largePrompts,
}
