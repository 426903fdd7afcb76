import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunOutcome } from '../../contracts/runner.ts'
import type { Core } from '../core.ts'
import { settle } from '../completion/settle.ts'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import { localDay } from './daily-files.ts'
import { EventLog } from './event-log.ts'

type Line = Record<string, unknown>

/** A generation whose log follows its events. */
class Logged implements Disposable {
  readonly core: Core
  readonly log: EventLog

  constructor(root: TestRoot, env: Record<string, string> = {}) {
    this.core = root.core(env)
    this.log = new EventLog(this.core)
    this.log.begin()
  }

  get path(): string {
    return join(this.core.settings.paths.events, localDay(Date.now()), 'events.jsonl')
  }

  emit(count: number, data: Line = {}): void {
    this.core.journal.tx(() => {
      for (let next = 0; next < count; next++) this.core.journal.emitAny('count:one', { next, ...data })
    })
  }

  /** Waits until everything is written. */
  async written(path = this.path): Promise<Line[]> {
    const last = this.core.events.lastSeq()
    for (let tries = 0; tries < 500; tries++) {
      const found = existsSync(path) ? lines(path) : []
      if (found.at(-1)?.seq === last) return found
      await delay(10)
    }
    throw new Error(`${path} did not come to event ${last}`)
  }

  [Symbol.dispose](): void {
    this.log.close()
  }
}

const lines = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
const seqs = (found: Line[]): unknown[] => found.map(({ seq }) => seq)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1)

test("each day's events stand in a file, long values by their length", async () => {
  using root = new TestRoot()
  using logged = new Logged(root)
  logged.emit(1, { prompt: 'x'.repeat(6_000) })
  const [first] = await logged.written()
  assert.deepEqual(
    { ...first, timestamp: 0 },
    {
      timestamp: 0,
      event_name: 'count:one',
      data: { next: 0, prompt: '<stripped:6000 chars>' },
      seq: 1,
    },
  )
  assert.ok(Math.abs(Number(first?.timestamp) - Date.now() / 1_000) < 60)
})

test('over hand-overs, deaths and torn lines each event is written once, however many come', async () => {
  using root = new TestRoot()
  {
    using first = new Logged(root)
    first.emit(3)
    await first.written()
    first.emit(3)
  }
  {
    using second = new Logged(root)
    second.emit(12_000)
    assert.deepEqual(seqs(await second.written()), upTo(12_006))
  }
  using third = new Logged(root)
  writeFileSync(third.path, readFileSync(third.path, 'utf8').slice(0, -20))
  third.emit(1)
  assert.deepEqual(seqs(await third.written()), upTo(12_007))
})

test('a journal that begins anew is followed from there', async () => {
  using root = new TestRoot()
  using logged = new Logged(root)
  mkdirSync(dirname(logged.path), { recursive: true })
  appendFileSync(logged.path, '{"seq":900}\n')
  logged.emit(2)
  assert.deepEqual(seqs(await logged.written()), [900, 1, 2])
})

test('the files have no more bytes than they may: a large one goes on in a new one, the oldest go', async () => {
  using root = new TestRoot()
  using logged = new Logged(root, { KSI_EVENT_LOG_BYTES: '40000' })
  const old = join(logged.core.settings.paths.events, '2020-01-01')
  mkdirSync(old, { recursive: true })
  writeFileSync(join(old, 'events.jsonl'), `${'x'.repeat(50_000)}\n`)
  logged.emit(250)
  await logged.written()
  for (let tries = 0; existsSync(join(old, 'events.jsonl')) && tries < 200; tries++) await delay(10)
  assert.ok(!existsSync(join(old, 'events.jsonl')))
  logged.emit(1)
  await logged.written()
  assert.deepEqual(readdirSync(dirname(logged.path)), ['events-251.jsonl', 'events.jsonl'])
  assert.ok(statSync(logged.path).size < 200)
})

test('with 0 bytes none is written', async () => {
  using root = new TestRoot()
  using logged = new Logged(root, { KSI_EVENT_LOG_BYTES: '0' })
  logged.emit(3)
  await delay(250)
  assert.ok(!existsSync(logged.core.settings.paths.events))
})

test('a folder that cannot be written is trouble, and made good for later', async () => {
  using root = new TestRoot()
  using logged = new Logged(root)
  mkdirSync(dirname(logged.core.settings.paths.events), { recursive: true })
  writeFileSync(logged.core.settings.paths.events, 'a file')
  logged.emit(1)
  await delay(200)
  rmSync(logged.core.settings.paths.events)
  logged.emit(1)
  assert.deepEqual(seqs(await logged.written()), [1, 2])
})

test('what completions have used is recorded once, whoever writes it down', async () => {
  using root = new TestRoot()
  {
    using first = new Logged(root)
    const used = { input_tokens: 7, output_tokens: 3, cache_read_tokens: 2, cache_write_tokens: 1, cost_usd: 0.5 }
    for (const id of ['one', 'two']) {
      const extra_body = { claude: { mcp_config: ['x'] } }
      begin(first.core, accept(first.core, { request_id: id, agent_id: 'a', model: 'claude-cli/sonnet', extra_body }))
      first.core.journal.tx(() =>
        settle(first.core, rowOf(first.core, id), { ...completed('s'), usage: used } as RunOutcome),
      )
    }
    await first.written()
  }
  rmSync(join(root.dir, 'var/logs/events'), { recursive: true })
  using second = new Logged(root)
  second.emit(1)
  await second.written()
  const { toolUsage } = second.core.settings.paths
  const [first, ...others] = lines(toolUsage)
  assert.deepEqual(
    others.map(({ request_id }) => request_id),
    ['two'],
  )
  assert.deepEqual(
    { ...first, timestamp: '', seq: 0 },
    {
      event: 'token_usage',
      timestamp: '',
      request_id: 'one',
      session_id: 's',
      agent_id: 'a',
      model: 'claude-cli/sonnet',
      provider: 'echo',
      input_tokens: 7,
      output_tokens: 3,
      total_tokens: 10,
      cache_creation_tokens: 1,
      cache_read_tokens: 2,
      has_mcp: true,
      estimated_cost: 0.5,
      seq: 0,
    },
  )
})
