import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeFrame } from './code-frame.ts'

const source = ['one', 'two', '\tconst = 1', 'four', 'five', 'six'].join('\n')

test('the lines around a place are shown, with a mark below it', () => {
  assert.equal(
    codeFrame(source, { line: 3, column: 8 }),
    ['  1 │ one', '  2 │ two', '> 3 │   const = 1', '    │         ^', '  4 │ four', '  5 │ five'].join('\n'),
  )
})

test('the first and the last line have fewer around them, and without a column there is no mark', () => {
  assert.equal(codeFrame(source, { line: 1, column: 0 }), '> 1 │ one\n  2 │ two\n  3 │   const = 1')
  assert.equal(codeFrame(source, { line: 6, column: 0 }), '  4 │ four\n  5 │ five\n> 6 │ six')
})

test('a line that is not there any more is none, and one that is very long is cut', () => {
  assert.equal(codeFrame(source, { line: 7, column: 1 }), undefined)
  assert.equal(codeFrame('x'.repeat(9_000), { line: 1, column: 5_000 })?.length, 160 + '> 1 │ '.length)
})
