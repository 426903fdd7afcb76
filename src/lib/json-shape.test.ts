import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { memberText, overLimit, withoutLongStrings } from './json-shape.ts'

const over = (text: string, levels = 64, values = 20_000): string | undefined =>
  overLimit(Buffer.from(text), { levels, values })

test('counts levels and values, and nothing inside strings', () => {
  assert.equal(over('{"a":[1,2,{"b":[]}]}', 4), undefined)
  assert.equal(over('{"a":[1,2,{"b":[]}]}', 3), 'levels')
  assert.equal(over('[[],[],[]]', 2), undefined, 'what is closed counts no more')
  assert.equal(over('[1,2,3]', 1, 5), undefined)
  assert.equal(over('[1,2,3,4]', 1, 4), 'values')
  assert.equal(over('"[[[[,,,,"', 0, 1), undefined)
  assert.equal(over('"\\"[[[[\\\\\\",,,,"', 0, 1), undefined)
  assert.equal(over('"\\\\"[[', 1), 'levels', 'a backslash before the backslash ends nothing')
  assert.equal(over('"never ended [[[', 0, 1), undefined)
  assert.equal(over('[[[[', 3), 'levels')
})

/** Levels and values of what was parsed. */
function shape(value: unknown): { levels: number; values: number } {
  if (typeof value !== 'object' || value === null) return { levels: 0, values: 1 }
  const inner = Object.values(value).map(shape)
  return {
    levels: 1 + Math.max(0, ...inner.map(({ levels }) => levels)),
    values: 1 + inner.reduce((sum, { values }) => sum + values, 0),
  }
}

test('any JSON is within its own measure, and over one that has a level less', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent)
      const { levels, values } = shape(value)
      // An empty array or object counts as if it had one in it.
      const empty = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/\[\s*\]|\{\s*\}/g)?.length ?? 0
      assert.equal(over(text, levels, values + empty), undefined, text)
      if (levels > 0) assert.equal(over(text, levels - 1, values + empty), 'levels', text)
    }),
  )
})

test('counts 8 MB in a few milliseconds, whatever they are', (t) => {
  const size = 8 * 1024 * 1024
  for (const [name, text] of [
    ['one string', `"${'x'.repeat(size)}"`],
    ['quotes', '""'.repeat(size / 2)],
    ['escapes', `"${'\\"'.repeat(size / 2)}"`],
    ['backslashes', `"${'\\'.repeat(size)}`],
    ['blanks', ' '.repeat(size)],
  ] as const) {
    const bytes = Buffer.from(text)
    overLimit(bytes, { levels: 64, values: 20_000 })
    const begun = performance.now()
    overLimit(bytes, { levels: 64, values: 20_000 })
    const ms = performance.now() - begun
    t.diagnostic(`${name}: ${ms.toFixed(1)} ms`)
    assert.ok(ms < 300, `${name}: ${ms} ms`)
  }
})

test('finds a member as it was written', () => {
  assert.equal(memberText('{"id": 12345678901234567890 ,"a":1}', 'id'), '12345678901234567890')
  assert.equal(memberText('{"a":{"id":1},"id":{"x":[1.50, "}"]}}', 'id'), '{"x":[1.50, "}"]}')
  assert.equal(memberText('{"id":1,"id":2.0}', 'id'), '2.0', 'the last one counts')
  assert.equal(memberText('{"a":"id","b":["id",1]}', 'id'), undefined)
  assert.equal(memberText('{}', 'id'), undefined)
  assert.equal(memberText('{"id":1', 'id'), undefined)
})

test('what it finds is what JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('id', 'a', 'b', ':'), fc.jsonValue()), fc.nat(3), (object, indent) => {
      const found = memberText(JSON.stringify(object, undefined, indent), 'id')
      assert.deepEqual(found === undefined ? undefined : JSON.parse(found), JSON.parse(JSON.stringify(object)).id)
    }),
  )
})

test('leaves out long strings, whatever they hold, and nothing else', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ maxLength: 60 })), (object) => {
      const text = JSON.stringify(object)
      const rest = JSON.parse(withoutLongStrings(Buffer.from(text), 100_000).toString())
      assert.deepEqual(rest, JSON.parse(text))
      const short: unknown = JSON.parse(withoutLongStrings(Buffer.from(text), 20).toString())
      assert.equal(Object.keys(short as object).length >= Math.min(1, Object.keys(object).length), true)
    }),
  )
  const long = '\\"[{,'.repeat(1_000)
  const rest = JSON.parse(
    withoutLongStrings(Buffer.from(JSON.stringify({ a: 1, long, b: [long, 'c'] })), 200).toString(),
  )
  assert.deepEqual([rest.a, rest.b[1], rest.b.length, rest.long.length], [1, 'c', 2, 2_048])
  assert.throws(() => JSON.parse(withoutLongStrings(Buffer.from(`{"a":"${'x'.repeat(500)}`), 200).toString()))
})
