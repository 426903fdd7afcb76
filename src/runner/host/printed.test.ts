import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Printed } from './printed.ts'

test('what is printed while nobody takes it is kept for the next one; the oldest of too much is counted', () => {
  const printed = new Printed()
  const taken: string[] = []
  let takes = false
  printed.takenBy((lines) => takes && taken.push(...lines) > 0)
  for (let n = 0; n < 2_010; n++) printed.write(`line ${n}`)
  printed.flush()
  assert.deepEqual(taken, [])
  takes = true
  printed.flush()
  assert.deepEqual(
    [taken.length, taken[0], taken[1]],
    [2_001, '(10 lines were left out while nobody took them)', 'line 10'],
  )
  printed.write('more')
  printed.flush()
  printed.flush()
  assert.deepEqual(taken.slice(-2), ['line 2009', 'more'])
})

test('in a container of its own all goes out at once', () => {
  const out: string[] = []
  const printed = new Printed((line) => out.push(line))
  printed.write('one')
  assert.deepEqual(out, ['one'])
})
