import type { HeldRun, RunInput, RunOutcome } from '../contracts/runner.ts'

/** A runner as it must behave: what it has begun it ends, and it keeps the outcome until that is committed. */
export class ModelRunner {
  readonly id: string
  readonly faults: string[] = []
  alive = true
  /** What is sent to it is lost on the way. */
  deaf = false
  readonly #aborted = new Set<string>()
  readonly #runs = new Map<string, HeldRun & { conversation: string }>()

  constructor(id: string) {
    this.id = id
  }

  /** As the dispatcher knows it. */
  link(): { id: string; start: (input: RunInput) => void } {
    return { id: this.id, start: (input) => this.#start(input) }
  }

  #start({ run_id, request_id, conversation = '' }: RunInput): void {
    if (this.deaf) return
    for (const run of this.#runs.values())
      if (run.conversation === conversation && run.outcome === undefined)
        this.faults.push(`${request_id} was started while ${run.request_id} ran in ${conversation}`)
    this.#runs.set(run_id, { run_id, request_id, conversation, started_at: 1 })
  }

  running(): string[] {
    return [...this.#runs.values()].filter(({ outcome }) => outcome === undefined).map(({ run_id }) => run_id)
  }

  end(runId: string, outcome: RunOutcome): void {
    const run = this.#runs.get(runId)
    const aborted = { status: 'aborted', provider: 'echo', started_at: 1, duration_ms: 1 } as const
    if (run !== undefined) run.outcome ??= this.#aborted.has(runId) ? aborted : outcome
  }

  /** It ends as soon as its provider hears of it, and no sooner. */
  abort(runId: string): void {
    this.#aborted.add(runId)
  }

  ended(): HeldRun[] {
    return [...this.#runs.values()].filter(({ outcome }) => outcome !== undefined)
  }

  committed(runId: string): void {
    this.#runs.delete(runId)
  }

  held(): Map<string, HeldRun> {
    return new Map(this.#runs)
  }

  /** What its log says when it is no more. */
  left(runId: string): RunOutcome | undefined {
    return this.#runs.get(runId)?.outcome
  }

  /** A generation that has taken over ends what no request waits for, and lets it forget what is taken in. */
  tidy(wanted: ReadonlySet<string | null>): void {
    for (const { run_id, outcome } of this.#runs.values()) {
      if (wanted.has(run_id)) continue
      if (outcome === undefined) this.abort(run_id)
    }
  }
}
