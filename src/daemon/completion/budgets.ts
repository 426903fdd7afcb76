import type { Settings } from '../../contracts/settings.ts'
import type { Usage } from '../../contracts/usage.ts'
import type { HoldKey, HoldRow, NewHold } from '../../store/holds.ts'
import type { Journal } from '../../store/journal.ts'
import type { PolicyScope } from '../../store/policies.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Spent } from '../../store/usage.ts'
import type { HoldDesk } from './hold-desk.ts'

const dayMs = 86_400_000
const hoursOfDay = 24
const noted = 'budgets'

/** What may be used; null: as much as there is. */
type Budget = { [K in keyof Spent]: Spent[K] | null }

/**
 * What conversations may use in all, and agents and all together in a day (UTC). What is used up is held; what runs is
 * not ended, so that it may be more in the end.
 */
export class Budgets {
  readonly #journal: Journal
  readonly #settings: Settings
  readonly #holds: HoldDesk
  /** What agents, and all, have used on a day: looked up once, then added up. */
  readonly #sums = new Map<string, Spent & { day: number }>()

  constructor(journal: Journal, settings: Settings, holds: HoldDesk) {
    this.#journal = journal
    this.#settings = settings
    this.#holds = holds
    holds.recheck = (hold) => this.#further(hold)
  }

  /** Looks again at all that is held, where the settings are others than before. Call within a transaction. */
  begin(): void {
    const { cursors, holds } = this.#journal
    const { KSI_BUDGET_TOKENS, KSI_BUDGET_USD } = this.#settings
    const now = JSON.stringify([[...KSI_BUDGET_TOKENS], [...KSI_BUDGET_USD]])
    if ((cursors.get(noted).note ?? '[[],[]]') === now) return
    cursors.set(noted, 0, now)
    for (const hold of holds.ofCause('budget')) this.look(...scopeOf(hold))
    this.look('day', '')
  }

  /** A run of this request has used so much, which is counted already. Call within a transaction. */
  spent({ conversation, agent_id }: Pick<RequestRow, 'conversation' | 'agent_id'>, usage: Usage): void {
    const spent = { tokens: usage.input_tokens + usage.output_tokens, cost_usd: usage.cost_usd ?? 0 }
    this.#look('conversation', conversation, spent)
    if (agent_id !== null) this.#look('agent', agent_id, spent)
    this.#look('day', '', spent)
  }

  /** What was added up may not have been kept. */
  forget(): void {
    this.#sums.clear()
  }

  /** Holds what is used up, and releases what is not. Call within a transaction. */
  look(scope: PolicyScope, name: string): void {
    this.#sums.delete(`${scope} ${name}`)
    this.#look(scope, name)
  }

  #look(scope: PolicyScope, name: string, more?: Spent): void {
    const budget = this.budgetOf(scope, name)
    const key = keyOf(scope, name)
    if (budget.tokens === null && budget.cost_usd === null) {
      if (more === undefined) this.#holds.releaseOf(key, 'there is no budget any more')
      return
    }
    const why = usedUp(budget, this.usedBy(scope, name, more))
    if (why === undefined) {
      if (more === undefined) this.#holds.releaseOf(key, 'the budget is not used up')
    } else if (this.#journal.holds.get(key) === undefined) this.#holds.place(this.#hold(key, why))
  }

  #hold(key: HoldKey, reason: string): NewHold {
    const { clock } = this.#journal
    const tomorrow = (Math.floor(Date.now() / dayMs) + 1) * dayMs
    const until = key.scope === 'conversation' ? null : clock.now() + tomorrow - Date.now()
    return { ...key, reason, until, times: 1 }
  }

  /** The day is over by the journal's clock: it is not by the machine's where nothing has become free. */
  #further(hold: HoldRow): NewHold | undefined {
    const [scope, name] = scopeOf(hold)
    this.#sums.delete(`${scope} ${name}`)
    const why = usedUp(this.budgetOf(scope, name), this.usedBy(scope, name))
    return why === undefined ? undefined : this.#hold(hold, why)
  }

  budgetOf(scope: PolicyScope, name: string): Budget {
    const { KSI_BUDGET_TOKENS, KSI_BUDGET_USD } = this.#settings
    const { tokens, cost_usd } = this.#journal.policies.get(scope, name)
    return {
      tokens: tokens ?? KSI_BUDGET_TOKENS.get(scope) ?? null,
      cost_usd: cost_usd ?? KSI_BUDGET_USD.get(scope) ?? null,
    }
  }

  /** @param more what was used since it was added up */
  usedBy(scope: PolicyScope, name: string, more: Spent = { tokens: 0, cost_usd: 0 }): Spent {
    const { usage } = this.#journal.runs
    if (scope === 'conversation') return usage.spentByConversation(name)
    const day = Math.floor(Date.now() / dayMs)
    const key = `${scope} ${name}`
    const sum = this.#sums.get(key)
    if (sum?.day === day) {
      sum.tokens += more.tokens
      sum.cost_usd += more.cost_usd
      return sum
    }
    const since = day * hoursOfDay
    const spent = scope === 'agent' ? usage.spentByAgent(name, since) : usage.spentSince(since)
    this.#sums.set(key, { ...spent, day })
    return spent
  }
}

function usedUp(budget: Budget, used: Spent): string | undefined {
  if (budget.tokens !== null && used.tokens >= budget.tokens)
    return `${used.tokens} of ${budget.tokens} tokens are used.`
  if (budget.cost_usd !== null && used.cost_usd >= budget.cost_usd)
    return `${used.cost_usd.toFixed(2)} of ${budget.cost_usd.toFixed(2)} US dollars are used.`
  return undefined
}

function keyOf(scope: PolicyScope, name: string): HoldKey {
  return { scope: scope === 'day' ? 'all' : scope, name, cause: 'budget' }
}

function scopeOf({ scope, name }: HoldRow): [PolicyScope, string] {
  return [scope === 'conversation' || scope === 'agent' ? scope : 'day', name]
}
