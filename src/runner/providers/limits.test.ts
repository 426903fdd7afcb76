import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesModel, readLimit } from './limits.ts'
import type { Refusal } from './limits.ts'

const now = Date.parse('2026-11-24T14:50:00Z')
const waits = (refusal: Refusal): number | undefined => {
  const limit = readLimit(refusal, now)
  assert.ok(limit !== undefined, `${JSON.stringify(refusal)} is a limit`)
  return limit.retryAfterMs
}
/** When (ISO) a text's limit is over, without the moment that is added. */
const until = (text: string): string => new Date(now + (waits({ text }) ?? NaN) - 2_000).toISOString()

test('the words for a limit of use are known, and the time in them', () => {
  assert.equal(until("You've hit your session limit · resets 4pm (UTC)"), '2026-11-24T16:00:00.000Z')
  assert.equal(until("You're out of extra usage · resets 11:30am (UTC)"), '2026-11-25T11:30:00.000Z')
  assert.equal(until('Session limit reached ∙ resets 7pm (Europe/Berlin)'), '2026-11-24T18:00:00.000Z')
  assert.equal(until('5-hour limit reached ∙ resets at 20:15 UTC'), '2026-11-24T20:15:00.000Z')
  assert.equal(until('Weekly limit reached · resets Mon 9am (UTC)'), '2026-11-30T09:00:00.000Z')
  assert.equal(until("You've hit your weekly limit · resets Nov 28, 12am (UTC)"), '2026-11-28T00:00:00.000Z')
  assert.equal(until('Weekly limit reached · resets Dec 1 at 9:05am (America/New_York)'), '2026-12-01T14:05:00.000Z')
  assert.equal(waits({ text: `Claude AI usage limit reached|${(now + 90_000) / 1_000}` }), 90_000)
  assert.equal(waits({ text: 'Rate limit reached. Please try again in 1m30s.' }), 90_000)
  assert.equal(waits({ text: 'usage limit reached, resets in 2 hours and 30 minutes' }), 9_000_000)
  assert.equal(waits({ text: 'API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}}' }), undefined)
})

test('a time that has just passed is meant still, an older one is that of tomorrow', () => {
  assert.equal(waits({ text: 'Session limit reached · resets 2:45pm (UTC)' }), 2_000)
  assert.equal(until('Session limit reached · resets 2pm (UTC)'), '2026-11-25T14:00:00.000Z')
})

test('without a time zone it is the machine’s own', () => {
  const at = new Date(until("You're out of extra usage · resets 11:30am"))
  assert.deepEqual([at.getHours(), at.getMinutes()], [11, 30])
  assert.ok(at.getTime() > now && at.getTime() <= now + 86_400_000)
})

test('a status of 429 is enough, and headers say until when', () => {
  const of = (headers: Record<string, string>): number | undefined =>
    waits({ status: 429, headers: Object.entries(headers) })
  assert.equal(of({}), undefined)
  assert.equal(of({ 'retry-after': '12' }), 12_000)
  assert.equal(of({ 'retry-after': 'Tue, 24 Nov 2026 14:51:00 GMT' }), 60_000)
  assert.equal(of({ 'retry-after-ms': '1500', 'retry-after': '9' }), 1_500)
  assert.equal(of({ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-remaining-requests': '0' }), 360_000)
  assert.equal(of({ 'x-ratelimit-reset': String(now / 1_000 + 30) }), 30_000)
  assert.equal(of({ 'anthropic-ratelimit-unified-reset': String(now / 1_000 + 45) }), 45_000)
  const both = {
    'anthropic-ratelimit-requests-reset': '2026-11-24T15:50:00Z',
    'anthropic-ratelimit-requests-remaining': '17',
    'anthropic-ratelimit-tokens-reset': '2026-11-24T14:50:20Z',
    'anthropic-ratelimit-tokens-remaining': '0',
  }
  assert.equal(of(both), 20_000, 'what is left over is not waited for')
})

test('nothing else is a limit: no overload, no empty account, no number that happens to be 429', () => {
  for (const text of [
    'API Error: 529 {"type":"overloaded_error"}',
    'Your credit balance is too low to access the Anthropic API.',
    'You exceeded your current quota, please check your plan: insufficient_quota',
    'SyntaxError in line 429 of the file',
    'The output limit of 100 words was exceeded',
    '',
  ])
    assert.equal(readLimit({ text }, now), undefined, text)
  assert.equal(readLimit({ status: 500, headers: new Headers({ 'Retry-After': '3' }) }, now), undefined)
  assert.equal(readLimit({ status: 429, text: 'insufficient_quota' }, now), undefined)
})

test('no wait is longer than that of a limit by the week, and none is negative', () => {
  assert.equal(waits({ status: 429, headers: new Headers({ 'Retry-After': '99999999' }) }), 8 * 86_400_000)
  assert.equal(waits({ status: 429, headers: [['retry-after', 'Tue, 24 Nov 2020 14:51:00 GMT']] }), 0)
})

test('a limit is that of the model where its words name it, and of the provider where they do not', () => {
  const named: [text: string, model: string][] = [
    ['Opus limit reached ∙ resets 3am', 'claude-cli/opus'],
    ['Opus limit reached', 'anthropic/claude-opus-4-1'],
    ['Rate limit reached for gpt-4o in organization org-x on tokens per min', 'openai/gpt-4o'],
    ['some/model:free is temporarily rate-limited upstream', 'openai-compatible/some/model:free'],
    ['model "Llama-3.1" is busy: 429', 'openai-compatible/llama-3.1'],
  ]
  for (const [text, model] of named) assert.equal(namesModel(text, model), true, `${text} ${model}`)
  const others: [text: string, model: string][] = [
    ['Opus limit reached ∙ resets 3am', 'claude-cli/sonnet'],
    ['Rate limit reached for gpt-4o-mini', 'openai/gpt-4o'],
    ['Rate limit reached for gpt-4o', 'openai/gpt-4o-mini'],
    ["You've hit your session limit", 'claude-cli/opus'],
    ['429 slow down, a m', 'openai/m'],
    ['', 'openai/'],
  ]
  for (const [text, model] of others) assert.equal(namesModel(text, model), false, `${text} ${model}`)
})
