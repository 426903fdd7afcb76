import assert from 'node:assert/strict'
import { test } from 'node:test'
import { largest, median, quantile } from './statistics.ts'

test('the median is the middle value, or the mean of the two middle ones, in any order', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([7]), 7)
  assert.ok(Number.isNaN(median([])))
})

test('a quantile is one of the values: that below which the asked share lies', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  assert.equal(quantile(hundred, 0.9), 90)
  assert.equal(quantile(hundred, 0.99), 99)
  assert.equal(quantile(hundred, 1), 100)
  assert.equal(quantile([3, 8], 0.99), 8)
  assert.ok(Number.isNaN(quantile([], 0.5)))
})

test('the largest of many values is found without a limit on their number', () => {
  assert.equal(largest(Array.from({ length: 300_000 }, (_, i) => i)), 299_999)
  assert.equal(largest([]), 0)
})
