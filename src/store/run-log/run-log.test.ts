import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync, appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setImmediate as turn } from 'node:timers/promises'
import type { NumberedChunk, RunOutcome } from '../../contracts/runner.ts'
import { silentLog } from '../../lib/log.ts'
import { readLog } from './read-log.ts'
import { readRun } from './read-run.ts'
import { RunLog } from './run-log.ts'

const outcome: RunOutcome = { status: 'completed', provider: 'echo', response: {}, started_at: 1, duration_ms: 2 }

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-run-log-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'log')
}

function open(t: TestContext, dir: string, segmentBytes = 1_048_576): { log: RunLog; told: Map<string, string[]> } {
  const told = new Map<string, string[]>()
  const log = new RunLog({
    dir,
    log: silentLog(),
    segmentBytes,
    onWritten: (runId, chunks) => told.set(runId, [...(told.get(runId) ?? []), ...chunks.map(textOf)]),
  })
  t.after(() => log.close())
  return { log, told }
}

/** Bytes in use, without what is to be collected. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

function begin(log: RunLog, runId: string): void {
  log.begin({ run_id: runId, request_id: `q-${runId}`, attempt: 1, at: 1 })
}

function say(log: RunLog, runId: string, text: string): void {
  log.chunk(runId, { kind: 'text', text })
}

function textOf({ chunk }: NumberedChunk): string {
  return chunk.kind === 'text' ? chunk.text : ''
}

async function readAll(log: RunLog, runId: string, from: number): Promise<NumberedChunk[]> {
  const all: NumberedChunk[] = []
  for await (const piece of log.read(runId, from)) all.push(...piece)
  return all
}

test('what is told of a run is written, in its order, and can be read again from any offset', async (t) => {
  const { log, told } = open(t, folder(t))
  for (const id of ['a', 'b']) begin(log, id)
  for (let i = 0; i < 10; i++) {
    say(log, 'a', `a${i}`)
    say(log, 'b', `b${i}`)
    if (i % 3 === 0) await turn()
  }
  await turn()
  assert.equal(log.written('a'), 10)
  await turn()
  assert.deepEqual(
    told.get('a'),
    Array.from({ length: 10 }, (_, i) => `a${i}`),
  )
  for (const from of [0, 4, 9, 10]) {
    const chunks = await readAll(log, 'b', from)
    assert.deepEqual(
      chunks.map(textOf),
      Array.from({ length: 10 - from }, (_, i) => `b${from + i}`),
    )
    assert.deepEqual(
      chunks.map(({ offset }) => offset),
      Array.from({ length: 10 - from }, (_, i) => from + i),
    )
  }
})

test('a long run is read from the file where memory reaches back no more, over many segments', async (t) => {
  const dir = folder(t)
  const { log } = open(t, dir, 400_000)
  begin(log, 'long')
  begin(log, 'other')
  const filler = 'x'.repeat(1_000)
  for (let i = 0; i < 2_000; i++) {
    say(log, 'long', `${i} ${filler}`)
    say(log, 'other', filler)
    log.flush()
  }
  assert.ok(readdirSync(dir).length > 8)
  for (const from of [0, 1, 777, 1_999]) {
    const chunks = await readAll(log, 'long', from)
    assert.equal(chunks.length, 2_000 - from)
    assert.ok(chunks.every((chunk, i) => chunk.offset === from + i && textOf(chunk) === `${from + i} ${filler}`))
  }
})

test('segments go when every run in them is committed and they are old, or the log is large; not before', (t) => {
  const dir = folder(t)
  const { log } = open(t, dir, 10_000)
  const filler = 'x'.repeat(4_000)
  for (const id of ['a', 'b', 'c', 'd']) {
    begin(log, id)
    for (let i = 0; i < 4; i++) {
      say(log, id, filler)
      log.flush()
    }
    log.end(id, outcome, 2)
  }
  const before = readdirSync(dir).length
  const now = Date.now()
  const old = { ageMs: 1_000, bytes: 1e9 }
  log.tidy(old, now + 10_000)
  assert.equal(readdirSync(dir).length, before, 'nothing is committed yet')
  for (const id of ['a', 'c', 'd']) log.committed(id, 3)
  log.flush()
  log.tidy(old, now)
  assert.equal(readdirSync(dir).length, before, 'nothing is old yet')
  log.tidy(old, now + 10_000)
  const kept = readdirSync(dir).length
  assert.ok(kept < before && kept >= 3, `${kept} of ${before}: what b said is still there`)
  log.committed('b', 4)
  log.tidy({ ageMs: 1e9, bytes: 5_000 }, now)
  assert.equal(readdirSync(dir).length, 1)
})

test('the log of a runner that is dead tells its runs: outcome, committed or not, and what was said', async (t) => {
  const dir = folder(t)
  const { log } = open(t, dir, 5_000)
  for (const id of ['done', 'told', 'cut']) begin(log, id)
  const filler = 'y'.repeat(2_000)
  for (let i = 0; i < 5; i++) for (const id of ['done', 'told', 'cut']) say(log, id, `${i}${filler}`)
  log.end('done', outcome, 5)
  log.end('told', outcome, 5)
  log.committed('done', 6)
  log.close()
  appendFileSync(join(dir, readdirSync(dir).sort().at(-1) ?? ''), '{"c":3,"o":5,"d":{"kind":"te')
  const runs = readLog(dir)
  assert.deepEqual([...runs.keys()], ['done', 'told', 'cut'])
  assert.equal(runs.get('done')?.committed, true)
  assert.deepEqual(runs.get('told')?.outcome, outcome)
  assert.equal(runs.get('told')?.committed, false)
  assert.equal(runs.get('cut')?.outcome, undefined)
  const said: string[] = []
  for await (const piece of readRun(dir, { runId: 'cut', offset: 1 })) said.push(...piece.map(textOf))
  assert.deepEqual(
    said,
    [1, 2, 3, 4].map((i) => `${i}${filler}`),
  )
  assert.equal(runs.get('cut')?.request_id, 'q-cut')
})

test('memory and files stay bounded with a thousand runs that go on and on', async (t) => {
  const dir = folder(t)
  const log = new RunLog({ dir, log: silentLog(), segmentBytes: 4_000_000, onWritten: () => {} })
  t.after(() => log.close())
  for (let i = 0; i < 1_000; i++) begin(log, `r${i}`)
  const limits = { ageMs: 0, bytes: 0 }
  const round = (from: number): void => {
    for (let i = 0; i < 1_000; i++) for (let k = 0; k < 20; k++) say(log, `r${i}`, `${from + k} ${'z'.repeat(60)}`)
    log.flush()
  }
  round(0)
  await turn()
  for (let i = 1; i < 20; i++) round(i * 20)
  const before = heap()
  for (let i = 20; i < 40; i++) round(i * 20)
  const grown = heap() - before
  assert.ok(grown < 25_000_000, `${grown} bytes more`)
  for (let i = 0; i < 1_000; i++) log.committed(`r${i}`, 1)
  log.flush()
  log.tidy(limits, Date.now() + 1)
  assert.equal(readdirSync(dir).length, 1)
})

test('a write that fails is tried again, and nothing is told before it is written', (t) => {
  const dir = folder(t)
  const { log, told } = open(t, dir)
  writeFileSync(dir, 'a file where the folder should be')
  begin(log, 'a')
  say(log, 'a', 'one')
  assert.throws(() => log.flush(), { code: 'EEXIST' })
  assert.equal(told.size, 0)
  rmSync(dir)
  say(log, 'a', 'two')
  log.flush()
  assert.deepEqual(told.get('a'), ['one', 'two'])
  assert.equal(statSync(dir).mode & 0o777, 0o700)
})
