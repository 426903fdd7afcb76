import { providerName } from '../../contracts/providers.ts'
import type { Holdable, HoldRow } from '../../store/holds.ts'
import type { Journal } from '../../store/journal.ts'
import { parked } from '../../store/lanes.ts'
import type { RequestRow } from '../../store/rows.ts'
import { circuitOf, isOver } from './hold-rows.ts'
import { lets } from './circuit.ts'

/** What keeps a request from being started now, and the lane in which it is in nobody's way, if there is one. */
export interface Kept {
  lane: string | undefined
}

/**
 * Who may start now: by what is held, and by how many may run at once. Made anew for each turn in which requests are
 * started, and told of each that begins.
 */
export class Gate {
  readonly #journal: Journal
  readonly #most: ReadonlyMap<string, number>
  readonly #now: number
  readonly #wide: HoldRow[]
  readonly #narrow: boolean
  #running: Map<string, number> | undefined

  /** @param most how many of a provider or model may run at once, where that is limited */
  constructor(journal: Journal, most: ReadonlyMap<string, number>) {
    this.#journal = journal
    this.#most = most
    this.#now = journal.clock.now()
    this.#wide = journal.holds.wide()
    this.#narrow = journal.holds.anyNarrow()
  }

  /** How many more a lane takes. */
  room(lane: string | null): number {
    const provider = lane === null ? null : providerName(lane)
    const passes = this.#wide.filter((hold) => isOn(hold, { provider, model: lane })).map((hold) => this.#lets(hold))
    if (passes.includes('none')) return 0
    const room = lane === null ? [] : [provider ?? lane, lane].map((name) => this.#roomOf(name))
    return Math.min(passes.includes('one') ? 1 : Infinity, ...room)
  }

  /** Why a request is not to be started now; undefined: it may be. */
  keeps(request: RequestRow, lane: string | null): Kept | undefined {
    const about = holdable(request)
    const hold = this.#on(about).find((one) => this.#lets(one) === 'none')
    if (hold !== undefined) return { lane: elsewhere(lane, laneOf(hold)) }
    const full = [about.provider, about.model].find((name) => this.#roomOf(name) <= 0)
    return full === undefined ? undefined : { lane: elsewhere(lane, full) }
  }

  /** A request was let through: it is the probe of all that let but one through. */
  begun(request: RequestRow, run: number): void {
    const about = holdable(request)
    for (const hold of this.#on(about)) {
      if (this.#lets(hold) !== 'one') continue
      this.#journal.holds.probe(hold, run)
      Object.assign(hold, { probe: run, probing: request.request_id } satisfies Partial<HoldRow>)
    }
    if (this.#running !== undefined) this.#running.set(about.model, (this.#running.get(about.model) ?? 0) + 1)
  }

  #on(about: Holdable): HoldRow[] {
    const wide = this.#wide.filter((hold) => isOn(hold, about))
    if (!this.#narrow) return wide
    return [
      ...wide,
      ...this.#journal.holds.of(about).filter(({ scope }) => scope === 'agent' || scope === 'conversation'),
    ]
  }

  #lets(hold: HoldRow): ReturnType<typeof lets> {
    if (isOver(hold, this.#now)) return 'all'
    const circuit = circuitOf(hold)
    return circuit === undefined ? 'none' : lets(circuit, this.#now)
  }

  #roomOf(name: string): number {
    const most = this.#most.get(name)
    if (most === undefined) return Infinity
    this.#running ??= this.#journal.lanes.running()
    let running = 0
    for (const [model, n] of this.#running) if (model === name || model.startsWith(`${name}/`)) running += n
    return most - running
  }
}

function holdable({ model, agent_id, conversation }: RequestRow): Holdable {
  return { model, provider: providerName(model), agent_id, conversation }
}

function isOn(
  { scope, name }: HoldRow,
  { provider, model }: { provider: string | null; model: string | null },
): boolean {
  return scope === 'all' || (scope === 'provider' ? name === provider : name === model)
}

/** In which those wait whom it holds; undefined where that is every lane. */
function laneOf({ scope, name }: HoldRow): string | undefined {
  if (scope === 'all') return undefined
  if (scope === 'conversation') return parked
  return scope === 'agent' ? parked + name : name
}

/** A lane that is not the one it stands in; those of its models are a provider's too. */
function elsewhere(here: string | null, lane: string | undefined): string | undefined {
  return here === lane || (lane !== undefined && here?.startsWith(`${lane}/`)) ? undefined : lane
}
