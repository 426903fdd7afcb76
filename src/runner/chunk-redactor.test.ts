import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Chunk } from '../contracts/chunk.ts'
import { redactorOf } from '../lib/keys.ts'
import { ChunkRedactor } from './chunk-redactor.ts'

const key = 'sk-planted-0123456789'
const redact = redactorOf({ TEST_API_KEY: key })

function passed(chunks: Chunk[]): Chunk[] {
  const out: Chunk[] = []
  const redactor = new ChunkRedactor(redact, (chunk) => out.push(chunk))
  for (const chunk of chunks) redactor.take(chunk)
  redactor.end()
  return out
}

const textOf = (chunks: Chunk[]): string => chunks.map((chunk) => ('text' in chunk ? chunk.text : '')).join('')

test('a key that comes in pieces is taken out, however it is cut, and nothing else is changed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('sk-', 'sk-planted', key, 'some words ', 's', '-0123456789'), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      (words, sizes) => {
        const text = words.join('')
        const chunks: Chunk[] = []
        for (let at = 0, i = 0; at < text.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          chunks.push({ kind: 'text', text: text.slice(at, at + size) })
          at += size
        }
        assert.equal(textOf(passed(chunks)), text.replaceAll(key, '[redacted]'))
      },
    ),
  )
})

test('text without a key comes through as it came, piece by piece; other kinds are looked through whole', () => {
  const chunks: Chunk[] = [
    { kind: 'text', text: 'one ' },
    { kind: 'reasoning', text: 'two' },
    { kind: 'raw', data: { note: 'three' } },
  ]
  assert.deepEqual(passed(chunks), chunks)
  const [raw] = passed([{ kind: 'raw', data: { header: `Bearer ${key}` } }])
  assert.deepEqual(raw, { kind: 'raw', data: { header: 'Bearer [redacted]' } })
})
