import type { OnFailure } from '../contracts/holds.ts'
import type { Sql } from './sql.ts'

export type PolicyScope = 'conversation' | 'agent' | 'day'

/** What was said of one conversation, agent or the day; null: what the settings say of all. */
export interface PolicyRow {
  on_failure: OnFailure | null
  tokens: number | null
  cost_usd: number | null
}

/** Budgets, and what a failed turn does, where they are not those of all. Call what changes it within `journal.tx`. */
export class Policies {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  get(scope: PolicyScope, name: string): PolicyRow {
    const sql = 'SELECT on_failure, tokens, cost_usd FROM policies WHERE scope = ? AND name = ?'
    return this.#sql.one<PolicyRow>(sql, scope, name) ?? { on_failure: null, tokens: null, cost_usd: null }
  }

  /** One that says nothing is none. */
  set(scope: PolicyScope, name: string, policy: PolicyRow): void {
    const { on_failure, tokens, cost_usd } = policy
    if (on_failure === null && tokens === null && cost_usd === null)
      this.#sql.run('DELETE FROM policies WHERE scope = ? AND name = ?', scope, name)
    else
      this.#sql.run(
        `INSERT INTO policies (scope, name, on_failure, tokens, cost_usd)
         VALUES (@scope, @name, @on_failure, @tokens, @cost_usd)
         ON CONFLICT DO UPDATE SET on_failure = @on_failure, tokens = @tokens, cost_usd = @cost_usd`,
        { scope, name, on_failure, tokens, cost_usd },
      )
  }
}
