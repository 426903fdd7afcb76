import type { BootRecord } from '../../contracts/status.ts'
import { providerName } from '../../contracts/providers.ts'
import type { JournalReader } from '../../store/reader.ts'
import { Histogram } from './text.ts'

const quick = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const slow = [0.005, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 300, 1_800]
/** Requests counted at one look: the rest is counted at the next. */
const slice = 20_000
const bootsLooked = 1_000

/**
 * What is counted up from what the journal tells of boots and requests: all that it has at the first look, and what is
 * new at each other. What the journal drops later stays counted.
 */
export class Measures {
  readonly #restarts = new Histogram({
    name: 'ksi_daemon_restart_duration_seconds',
    help: 'Save, crash or start until the new generation is live.',
    bounds: quick,
  })
  readonly #phases = new Histogram({
    name: 'ksi_daemon_restart_phase_seconds',
    help: 'The parts of a restart.',
    bounds: quick,
  })
  readonly #waits = new Histogram({
    name: 'ksi_request_queue_seconds',
    help: 'Acceptance of a request until its first run.',
    bounds: slow,
  })
  readonly #provider = new Histogram({
    name: 'ksi_provider_run_seconds',
    help: 'The last run of a request, by provider and outcome.',
    bounds: slow,
  })
  readonly #boots = new Set<string>()
  readonly #byCause = new Map<string, number>()
  readonly #restored = new Map<string, number>()
  #tick = 0

  /** Counts what is new. */
  look(reader: JournalReader): void {
    for (const boot of reader.boots.list(bootsLooked)) if (isDone(boot)) this.#boot(boot)
    const done = reader.finishedAfter(this.#tick, slice)
    for (const { tick, state, model, waited_ms, ran_ms } of done) {
      this.#tick = tick
      if (waited_ms !== null) this.#waits.add(waited_ms)
      if (ran_ms !== null) this.#provider.add(ran_ms, { provider: providerName(model), outcome: state })
    }
  }

  get boots(): ReadonlyMap<string, number> {
    return this.#byCause
  }

  /** Requests by what restores made of them. */
  get restored(): ReadonlyMap<string, number> {
    return this.#restored
  }

  text(): string {
    return [this.#restarts, this.#phases, this.#waits, this.#provider].map((histogram) => histogram.text()).join('')
  }

  #boot({ boot_id, cause, phases, restored, error }: BootRecord): void {
    if (this.#boots.has(boot_id)) return
    this.#boots.add(boot_id)
    const result = error === null ? 'live' : 'failed'
    const key = `${cause} ${result}`
    this.#byCause.set(key, (this.#byCause.get(key) ?? 0) + 1)
    const { total, ...parts } = phases
    if (total !== undefined) this.#restarts.add(total, { cause })
    for (const [phase, ms] of Object.entries(parts)) this.#phases.add(ms, { phase })
    for (const [what, n] of Object.entries(restored ?? {}))
      this.#restored.set(what, (this.#restored.get(what) ?? 0) + n)
  }
}

/** Its phases are written a moment after it went live. */
function isDone({ error, phases }: BootRecord): boolean {
  return error !== null || phases.total !== undefined
}
