import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { closed, lets, step } from './circuit.ts'
import type { Circuit, CircuitEvent, CircuitRules } from './circuit.ts'

const rules: CircuitRules = {
  failures: 3,
  windowMs: 10_000,
  baseMs: 2_000,
  maxMs: 60_000,
  longestMs: 600_000,
  random: () => 0.5,
}

/** What may happen: time goes on, a run begins where one is let through, a run ends in one of these ways. */
const act = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 90_000 }) }),
  fc.record({ kind: fc.constant('begin' as const) }),
  fc.record({
    kind: fc.constantFrom('answered' as const, 'failed' as const, 'ended' as const),
    which: fc.nat(50),
    retryAfterMs: fc.option(fc.integer({ min: -5_000, max: 9_000_000 }), { nil: undefined }),
  }),
)

type Act = typeof act extends fc.Arbitrary<infer A> ? A : never

/** A circuit with the runs that are under way, and what must hold of it after every step. */
class World {
  circuit: Circuit = closed
  at = 1_000_000
  /** the runs under way; true for those begun while it was not closed */
  readonly runs = new Map<number, boolean>()
  #last = 0

  do(doing: Act): void {
    if (doing.kind === 'wait') this.at += doing.ms
    else if (doing.kind === 'begin') this.#begin()
    else this.#end(doing)
    this.#check()
  }

  #begin(): void {
    const through = lets(this.circuit, this.at)
    if (through === 'none') return
    const run = ++this.#last
    this.runs.set(run, through === 'one')
    this.#step({ type: 'begun', at: this.at, run })
    if (through === 'one') assert.equal(lets(this.circuit, this.at), 'none', 'one probe, and nobody beside it')
  }

  #end({ kind, which, retryAfterMs }: Extract<Act, { which: number }>): void {
    const run = [...this.runs.keys()][which % Math.max(1, this.runs.size)]
    if (run === undefined) return
    const wasProbe = this.circuit.phase === 'half-open' && this.circuit.probe === run
    this.runs.delete(run)
    const before = this.circuit
    this.#step(kind === 'failed' ? { type: kind, at: this.at, run, retryAfterMs } : { type: kind, at: this.at, run })
    if (before.phase !== 'closed' && !wasProbe)
      assert.equal(this.circuit.phase, before.phase, 'what was begun before does not open or end the wait')
    if (before.phase !== 'closed' && this.circuit.phase === 'closed')
      assert.deepEqual([wasProbe, kind], [true, 'answered'], 'only an answered probe closes it')
    if (wasProbe && kind === 'failed' && before.phase === 'half-open')
      assert.deepEqual([this.circuit.phase, 'times' in this.circuit && this.circuit.times], ['open', before.times + 1])
  }

  #step(event: CircuitEvent): void {
    this.circuit = step(this.circuit, event, rules)
  }

  #check(): void {
    const { circuit, at } = this
    const probes = [...this.runs.values()].filter(Boolean).length
    assert.ok(probes <= 1, `${probes} probes at once`)
    if (circuit.phase === 'closed') return assert.ok(circuit.failures < rules.failures)
    assert.ok(circuit.until - at <= rules.longestMs + 1_000, 'no wait is without end')
    assert.equal(circuit.phase === 'half-open', probes === 1, 'half-open is a probe that is under way')
  }

  /** However it came to be so: time and answers bring everything back. */
  recovers(): void {
    for (const run of this.runs.keys()) this.#step({ type: 'ended', at: this.at, run })
    this.runs.clear()
    this.at += rules.longestMs + 1_000
    this.#begin()
    const [run] = this.runs.keys()
    assert.ok(run !== undefined, 'somebody is let through')
    this.#step({ type: 'answered', at: this.at, run })
    assert.equal(lets(this.circuit, this.at), 'all')
  }
}

test('in any order of runs, answers, failures and waits there is one probe at a time, and a way back', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const world = new World()
      for (const one of acts) world.do(one)
      world.recovers()
    }),
    { numRuns: 2_000 },
  )
})

const fail = (circuit: Circuit, at: number, retryAfterMs?: number): Circuit =>
  step(circuit, { type: 'failed', at, run: at, retryAfterMs }, rules)

test('failures in a row within the window open it; an answer in between, or a longer time, begins anew', () => {
  const twice = fail(fail(closed, 1), 2)
  assert.deepEqual(twice, { phase: 'closed', failures: 2, since: 1 })
  assert.deepEqual(fail(twice, 3), { phase: 'open', times: 1, until: 3 + 1_500 })
  assert.deepEqual(fail(step(twice, { type: 'answered', at: 3, run: 9 }, rules), 4), {
    phase: 'closed',
    failures: 1,
    since: 4,
  })
  assert.deepEqual(fail(twice, 20_000), { phase: 'closed', failures: 1, since: 20_000 })
})

test('waits grow with each probe that fails, up to their bound, and the time a provider names is taken', () => {
  let circuit = fail(fail(fail(closed, 1), 2), 3)
  const waits: number[] = []
  for (let at = 10_000_000, i = 0; i < 8; i++, at += 10_000_000) {
    circuit = step(circuit, { type: 'begun', at, run: at }, rules)
    circuit = fail(circuit, at)
    if (circuit.phase === 'open') waits.push(circuit.until - at)
  }
  assert.deepEqual(waits, [3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000, 45_000])
  const once = { ...rules, failures: 1 }
  const asks = (retryAfterMs: number): Circuit => step(closed, { type: 'failed', at: 5, run: 1, retryAfterMs }, once)
  assert.deepEqual(asks(7_000), { phase: 'open', times: 1, until: 5 + 7_000 + 500 })
  assert.deepEqual(asks(-1), { phase: 'open', times: 1, until: 5 + 1_000 + 500 }, 'a time gone by')
  assert.deepEqual(asks(1e15), { phase: 'open', times: 1, until: 5 + 600_000 + 500 }, 'years ahead')
})

test('a probe that ends without a word of its provider makes room for the next one at once', () => {
  const open: Circuit = { phase: 'open', times: 2, until: 100 }
  const probing = step(open, { type: 'begun', at: 100, run: 7 }, rules)
  assert.equal(lets(probing, 1_000_000), 'none', 'however long it takes')
  assert.equal(lets(step(probing, { type: 'ended', at: 200, run: 7 }, rules), 200), 'one')
  assert.equal(step(probing, { type: 'ended', at: 200, run: 6 }, rules), probing)
})
