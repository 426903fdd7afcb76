import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { globMatcher } from './glob.ts'

test('shell patterns fit whole names', () => {
  const cases: [string, string, boolean][] = [
    ['*', 'anything:at:all', true],
    ['completion:*', 'completion:result', true],
    ['completion:*', 'completion:a:b', true],
    ['completion:*', 'my:completion:result', false],
    ['*:result', 'completion:result', true],
    ['completion:resul?', 'completion:result', true],
    ['completion:result?', 'completion:result', false],
    ['completion:[rf]*', 'completion:failed', true],
    ['completion:[!rf]*', 'completion:failed', false],
    ['completion:[a-g]*', 'completion:failed', true],
    ['a.b', 'axb', false],
    ['[!a-c]x', 'dx', true],
    ['[!a-c]x', 'bx', false],
    ['[a-]', '-', true],
    ['[abc', '[abc', true],
    ['a+(b)|c', 'a+(b)|c', true],
    ['[', '[', true],
    ['[z-a]', 'z', false],
    ['', '', true],
    ['', 'a', false],
    ['a*', 'a\nb', true],
  ]
  for (const [pattern, name, fits] of cases) assert.equal(globMatcher([pattern])(name), fits, `${pattern} and ${name}`)
})

test('one pattern that fits is enough, none fits nothing', () => {
  const matches = globMatcher(['system:*', 'completion:failed'])
  assert.deepEqual(['system:ready', 'completion:failed', 'completion:result'].map(matches), [true, true, false])
  assert.equal(globMatcher([])('a'), false)
  assert.equal(globMatcher(['a', '*'])('z'), true)
})

/** Shell matching written as its definition says, without regular expressions. */
function fits(pattern: string, name: string): boolean {
  if (pattern === '') return name === ''
  const rest = pattern.slice(1)
  if (pattern[0] === '*') return fits(rest, name) || (name !== '' && fits(pattern, name.slice(1)))
  return name !== '' && (pattern[0] === '?' || pattern[0] === name[0]) && fits(rest, name.slice(1))
}

test('any pattern of letters, stars and marks fits as its definition says, asked once or twice', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ':', '.', '$', '\\', '^', '*', '?'), maxLength: 7 })
  const name = fc.string({ unit: fc.constantFrom('a', 'b', ':', '.', '$', '\\', '^'), maxLength: 7 })
  const check = (patterns: string[], text: string): void => {
    const matches = globMatcher(patterns)
    const expected = patterns.some((one) => fits(one, text))
    assert.equal(matches(text), expected)
    assert.equal(matches(text), expected)
  }
  fc.assert(fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), name, check), { numRuns: 1_000 })
})

test('no pattern text is an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('[', ']', '!', '^', '-', '\\', 'a', 'z', '*') }), (pattern) => {
      globMatcher([pattern])('a')
    }),
  )
})

test('takes no longer for patterns made to take long, and none of 200 characters and more fits', (t) => {
  const begun = performance.now()
  const hostile = [`${'*'.repeat(40)}#`, `${'*a'.repeat(90)}#`, `*${'a'.repeat(150)}#`, `${'?*'.repeat(90)}[!a-z]`]
  const name = 'a'.repeat(200)
  for (const pattern of hostile) assert.equal(globMatcher([pattern])(name), false)
  const ms = performance.now() - begun
  t.diagnostic(`${ms.toFixed(1)} ms`)
  assert.ok(ms < 200)
  assert.equal(globMatcher([`*${'a'.repeat(200)}`])('a'.repeat(200)), false)
  assert.equal(globMatcher(['a*'])('a'.repeat(1_000_000)), false)
})
