import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import { ResponseFiles } from './response-files.ts'
import { settle } from './settle.ts'

/** Completes a request in session `s`; its lines are due then. */
function complete(core: Core, requestId: string, prompt = 'grüße 😀'): void {
  accept(core, { request_id: requestId, session_id: 's', prompt })
  begin(core, requestId)
  core.journal.tx(() => settle(core, rowOf(core, requestId), completed('s')))
}

const fileOf = (core: Core): string => join(core.settings.paths.responses, 's.jsonl')

/** Whose lines the file holds, in order. */
function linesOf(core: Core): string[] {
  const text = readFileSync(fileOf(core), 'utf8')
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole')
  const parsed = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { request_id?: string; ksi?: { request_id: string } })
  return parsed.map(({ request_id, ksi }) =>
    ksi === undefined ? `prompt ${request_id}` : `response ${ksi.request_id}`,
  )
}

const wholeOf = (ids: string[]): string[] => ids.flatMap((id) => [`prompt ${id}`, `response ${id}`])

test("each request's prompt and response are a line each, once, however often they are asked for", async () => {
  using root = new TestRoot()
  const core = root.core()
  const files = new ResponseFiles(core)
  complete(core, 'a')
  files.append('a')
  files.append('a')
  files.catchUp()
  await new Promise(setImmediate)
  assert.deepEqual(core.requests.filesDue(), [])
  files.append('a')
  files.catchUp()
  assert.deepEqual(linesOf(core), wholeOf(['a']))
  const [prompt, response] = readFileSync(fileOf(core), 'utf8')
    .split('\n')
    .map((line) => (line === '' ? {} : (JSON.parse(line) as Record<string, unknown>)))
  assert.deepEqual([prompt?.type, prompt?.content, prompt?.model], ['user', 'grüße 😀', 'echo/echo'])
  assert.deepEqual(response, core.requests.outcome('a')?.result)
  files.close()
})

test('wherever a crash cuts the file, catching up mends it: each line whole, once, in order', () => {
  using root = new TestRoot()
  const core = root.core()
  const ids = ['a', 'b', 'c']
  for (const id of ids) complete(core, id)
  const whole = new ResponseFiles(core)
  whole.catchUp()
  const bytes = readFileSync(fileOf(core))
  const check = (cut: number): void => {
    writeFileSync(fileOf(core), bytes.subarray(0, cut))
    // Of the next generation: nothing is marked as written.
    const files = new ResponseFiles(core)
    files.catchUp()
    assert.deepEqual(linesOf(core), wholeOf(ids))
    assert.ok(readFileSync(fileOf(core)).equals(bytes))
  }
  for (const cut of [0, bytes.length - 1, bytes.length]) check(cut)
  fc.assert(fc.property(fc.nat(bytes.length), check), { numRuns: 60 })
  whole.close()
})

test('a line that could not be written waits for its turn, and none of the session goes before it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core()
  const files = new ResponseFiles(core)
  mkdirSync(fileOf(core))
  complete(core, 'a')
  files.append('a')
  rmdirSync(fileOf(core))
  // What a full disk leaves: a part of a line.
  writeFileSync(fileOf(core), '{"type":"user","conte')
  complete(core, 'b')
  files.append('b')
  assert.equal(readFileSync(fileOf(core), 'utf8'), '{"type":"user","conte')
  t.mock.timers.tick(5_000)
  assert.deepEqual(linesOf(core), wholeOf(['a', 'b']))
  complete(core, 'c')
  files.append('c')
  assert.deepEqual(linesOf(core), wholeOf(['a', 'b', 'c']))
  files.close()
})

test('lines written before a crash but not marked so are not written again by the next generation', () => {
  using root = new TestRoot()
  const core = root.core()
  complete(core, 'a')
  const files = new ResponseFiles(core)
  files.append('a')
  const next = root.core()
  assert.equal(next.requests.filesDue().length, 1)
  const mended = new ResponseFiles(next)
  mended.catchUp()
  mended.close()
  assert.deepEqual(linesOf(next), wholeOf(['a']))
  assert.deepEqual(next.requests.filesDue(), [], 'close marks what is written')
  files.close()
})

test('other lines in the file stay as they are', () => {
  using root = new TestRoot()
  const core = root.core()
  complete(core, 'a')
  const files = new ResponseFiles(core)
  appendFileSync(fileOf(core), 'somebody wrote this\n{"type":"note"}\n')
  files.catchUp()
  const lines = readFileSync(fileOf(core), 'utf8').split('\n')
  assert.deepEqual(lines.slice(0, 2), ['somebody wrote this', '{"type":"note"}'])
  assert.equal(lines.length, 5)
  files.close()
})

test('a session id that is no file name leads nowhere else', () => {
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a', session_id: 's' })
  begin(core, 'a')
  core.journal.tx(() => settle(core, rowOf(core, 'a'), completed('../../up')))
  const files = new ResponseFiles(core)
  files.append('a')
  assert.ok(existsSync(join(core.settings.paths.responses, '..%2F..%2Fup.jsonl')))
  files.close()
})
