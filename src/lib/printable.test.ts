import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapedJson, printable, printableInColour, printableJson } from './printable.ts'

const hostile = [
  '\u001b[2J\u001b[1;1Hcleared',
  '\u001b]0;another title\u0007',
  '\u001b]52;c;cm0gLXJm\u001b\\',
  '\u009b31mred',
  'back\b\b\b\b\rfront',
  '\u202egnp.exe',
  '\u001bc',
  '\u007f\u0000\u0085',
]

test('no control character is left, tab and newline aside, and no text is hidden', () => {
  for (const text of hostile) {
    assert.doesNotMatch(printable(text), /[^\P{C}\t\n]/u, JSON.stringify(text))
    assert.doesNotMatch(printableInColour(text), /[^\P{C}\t\n]/u, JSON.stringify(text))
  }
  assert.equal(printable('\u001b[31mred\u001b[0m\ttab\nline'), 'red\ttab\nline')
  assert.equal(printable('\u001b]unfinished, and what follows'), ']unfinished, and what follows')
  assert.equal(printable('Grüße, 你好 👋 e\u0301'), 'Grüße, 你好 👋 e\u0301')
})

test('our own colours stay where they are asked for, and nothing else that begins like them', () => {
  assert.equal(printableInColour('\u001b[31mred\u001b[39m \u001b[2J\u001b[8;1m'), '\u001b[31mred\u001b[39m ')
})

test('a line of JSON is still that, without the control characters it spelt out', () => {
  for (const text of hostile) {
    const line = printableJson(JSON.stringify({ msg: text, path: 'C:\\u001b\\b', after: '"' }))
    const { msg, path, after } = JSON.parse(line) as Record<string, string>
    assert.doesNotMatch(msg ?? '', /[^\P{C}\t\n]/u, JSON.stringify(text))
    assert.deepEqual([path, after], ['C:\\u001b\\b', '"'])
  }
  assert.equal(printableJson('{"stack":"a\\n  b\\u00e9"}'), '{"stack":"a\\n  b\\u00e9"}')
})

test('JSON for a terminal loses nothing', () => {
  for (const text of hostile) {
    const json = escapedJson(JSON.stringify(text))
    assert.doesNotMatch(json, /[^\P{C}\t\n]/u)
    assert.equal(JSON.parse(json), text)
  }
})

test('takes time in proportion to the text', () => {
  const started = performance.now()
  printable('\u001b['.repeat(100_000))
  printable(`\u001b[${'0'.repeat(200_000)}`)
  printableJson('\\'.repeat(200_000))
  assert.ok(performance.now() - started < 1_000)
})
