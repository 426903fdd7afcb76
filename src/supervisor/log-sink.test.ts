import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const sink = new URL('log-sink.ts', import.meta.url).href
const hostile = '\u001b[2J\u001b]0;title\u0007\u009b1;1Hx\u202e\r\b'

/** What a terminal gets to see of these lines. */
function shown(format: 'pretty' | 'json', lines: string[]): string {
  const code = `import { openLogSink } from ${JSON.stringify(sink)}
    const sink = openLogSink(${JSON.stringify(format)}, false)
    for (const line of ${JSON.stringify(lines)}) sink.line(line)
    sink.stream.write(${JSON.stringify(`${lines[0]}\n`)})`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' })
}

test('what a client or a child said reaches the terminal without control characters, errors and raw lines too', () => {
  const err = { type: 'Error', message: hostile, stack: `Error: ${hostile}\n    at a (b.ts:1:2)` }
  const line = JSON.stringify({ level: 50, time: 0, name: 'daemon', msg: `said ${hostile}`, file: hostile, err })
  const pretty = shown('pretty', [
    line,
    `debugging ${hostile}`,
    JSON.stringify({ level: 30, time: 0, msg: 'a "b" \\u001b' }),
  ])
  assert.match(pretty, /said .*title/)
  assert.match(pretty, /at a \(b\.ts:1:2\)/)
  assert.match(pretty, /a "b" \\u001b/)
  assert.match(pretty, /debugging/)
  assert.doesNotMatch(pretty, /[^\P{C}\n]/u)
  const json = shown('json', [line, `debugging ${hostile}`])
  assert.doesNotMatch(json, /[^\P{C}\n]/u)
})

test('a line that says all has no tail for people, one of trouble has, and who asks for all gets it', () => {
  const told = JSON.stringify({ level: 30, time: 0, name: 'supervisor', files: ['a.ts'], msg: 'generation 8 is live' })
  const frame = 'it did not go live\n    > 3 │ const = 1'
  const broken = JSON.stringify({ level: 50, time: 0, err: { message: 'x', stack: 'node:internal' }, msg: frame })
  const trouble = JSON.stringify({ level: 40, time: 0, waitMs: 5, msg: 'odd' })
  const pretty = shown('pretty', [told, broken, trouble])
  assert.match(pretty, /supervisor: generation 8 is live\n/)
  assert.match(pretty, /it did not go live\n {4,}> 3 │ const = 1\n/)
  assert.doesNotMatch(pretty, /node:internal|a\.ts/)
  assert.match(pretty, /odd \{"waitMs":5\}/)
  assert.match(shown('json', [told]), /a\.ts/)
})
