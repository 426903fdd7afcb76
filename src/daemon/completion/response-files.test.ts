import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
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

/** Tells the files of everything there is, as the journal does after each sync. */
const tell = (core: Core, files: ResponseFiles): void => files.follow(core.events.after(0, 1_000))

/** Of a new generation: it takes up where the cursor stands. */
function begun(core: Core): ResponseFiles {
  const files = new ResponseFiles(core)
  files.begin()
  return files
}

const wholeOf = (ids: string[]): string[] => ids.flatMap((id) => [`prompt ${id}`, `response ${id}`])

test("each request's prompt and response are a line each, once, however often they are told of", () => {
  using root = new TestRoot()
  const core = root.core()
  const files = begun(core)
  complete(core, 'a')
  tell(core, files)
  tell(core, files)
  files.begin()
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
  const whole = begun(core)
  const bytes = readFileSync(fileOf(core))
  const check = (cut: number): void => {
    writeFileSync(fileOf(core), bytes.subarray(0, cut))
    // The cursor has not moved: nothing is known to be on disk.
    begun(core)
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
  const files = begun(core)
  mkdirSync(fileOf(core), { recursive: true })
  complete(core, 'a')
  tell(core, files)
  rmdirSync(fileOf(core))
  // What a full disk leaves: a part of a line.
  writeFileSync(fileOf(core), '{"type":"user","conte')
  complete(core, 'b')
  tell(core, files)
  assert.equal(readFileSync(fileOf(core), 'utf8'), '{"type":"user","conte')
  t.mock.timers.tick(5_000)
  assert.deepEqual(linesOf(core), wholeOf(['a', 'b']))
  complete(core, 'c')
  tell(core, files)
  assert.deepEqual(linesOf(core), wholeOf(['a', 'b', 'c']))
  files.close()
})

test('lines written before a crash are not written again by the next generation, nor after a hand-over', () => {
  using root = new TestRoot()
  const core = root.core()
  const files = begun(core)
  complete(core, 'a')
  tell(core, files)
  const next = root.core()
  assert.equal(next.journal.cursors.get('responses').seq, 0)
  const mended = begun(next)
  complete(next, 'b')
  tell(next, mended)
  mended.close()
  assert.deepEqual(linesOf(next), wholeOf(['a', 'b']))
  const last = root.core()
  begun(last).close()
  assert.deepEqual(linesOf(last), wholeOf(['a', 'b']))
  files.close()
})

test('the cursor moves past what is synced, at most once a second, and not past a line that waits', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core({ KSI_DURABILITY: 'disk' })
  const files = begun(core)
  const cursor = (): number => core.journal.cursors.get('responses').seq
  const untilCursorMoves = async (): Promise<number> => {
    const before = cursor()
    t.mock.timers.tick(1_000)
    while (cursor() === before) await new Promise(setImmediate)
    return cursor()
  }
  complete(core, 'a')
  tell(core, files)
  assert.equal(cursor(), 0)
  assert.equal(await untilCursorMoves(), rowOf(core, 'a').finished_tick)
  mkdirSync(join(core.settings.paths.responses, 't.jsonl'))
  accept(core, { request_id: 'waits', session_id: 't' })
  begin(core, 'waits')
  core.journal.tx(() => settle(core, rowOf(core, 'waits'), completed('t')))
  complete(core, 'b')
  tell(core, files)
  assert.equal(await untilCursorMoves(), (rowOf(core, 'waits').finished_tick ?? 0) - 1)
  assert.deepEqual(linesOf(core), wholeOf(['a', 'b']), 'others go on')
  files.close()
})

test('after a power cut the lines behind the cursor are written again; the word before it is not trusted', () => {
  using root = new TestRoot()
  const core = root.core()
  const files = begun(core)
  for (const id of ['a', 'b']) complete(core, id)
  tell(core, files)
  files.close()
  writeFileSync(fileOf(core), '')
  const next = root.core()
  next.journal.tx(() => next.journal.cursors.set('responses:written', next.events.lastSeq(), 'another boot of it'))
  begun(next)
  assert.deepEqual(linesOf(next), wholeOf(['a', 'b']))
})

test('a folder that is removed is made again', () => {
  using root = new TestRoot()
  const core = root.core()
  const files = begun(core)
  complete(core, 'a')
  tell(core, files)
  rmSync(core.settings.paths.responses, { recursive: true })
  complete(core, 'b')
  tell(core, files)
  assert.deepEqual(linesOf(core), wholeOf(['b']))
  files.close()
})

test('other lines in the file stay as they are', () => {
  using root = new TestRoot()
  const core = root.core()
  complete(core, 'a')
  mkdirSync(core.settings.paths.responses, { recursive: true })
  appendFileSync(fileOf(core), 'somebody wrote this\n{"type":"note"}\n')
  const files = begun(core)
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
  const files = begun(core)
  assert.ok(existsSync(join(core.settings.paths.responses, '..%2F..%2Fup.jsonl')))
  files.close()
})
