import type { Usage } from '../contracts/usage.ts'
import type { UsageFilter, UsageGroup, UsageSum } from '../contracts/events/providers.ts'
import type { RequestRow } from './rows.ts'
import type { Sql } from './sql.ts'

const hourMs = 3_600_000
/** Sums are kept this long. */
const keptHours = 24 * 400

const sums = `coalesce(sum(runs), 0) AS runs, coalesce(sum(input_tokens), 0) AS input_tokens,
  coalesce(sum(output_tokens), 0) AS output_tokens,
  coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) AS total_tokens,
  coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens, coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
  sum(cost_usd) AS cost_usd`

const ofRun = `SELECT 1 AS runs, usage ->> 'input_tokens' AS input_tokens, usage ->> 'output_tokens' AS output_tokens,
  usage ->> 'cache_read_tokens' AS cache_read_tokens, usage ->> 'cache_write_tokens' AS cache_write_tokens,
  usage ->> 'cost_usd' AS cost_usd FROM runs`

const wanted = `hour >= @since AND (@agent_id IS NULL OR agent_id = @agent_id) AND (@model IS NULL OR model = @model)
  AND (@conversation IS NULL OR conversation = @conversation)`

/** By what sums are told, each with the column that says it. */
const groups: Record<UsageGroup, string> = {
  day: "strftime('%Y-%m-%d', hour * 3600, 'unixepoch')",
  agent: 'agent_id',
  conversation: 'conversation',
  model: 'model',
}

/** What was used, as budgets count it: tokens read and written. */
export interface Spent {
  tokens: number
  cost_usd: number
}

/** What completions have used: by request, conversation, agent, model and time. */
export class TokenUsage {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Counts what the unfinished run of a request has used. Call within a transaction, before the run ends. */
  add(request: Pick<RequestRow, 'id' | 'conversation' | 'agent_id' | 'model'>, used: Usage, now: number): void {
    const { id, conversation, agent_id, model } = request
    this.#sql.run(
      `UPDATE runs INDEXED BY runs_unfinished SET usage = ?
       WHERE conversation = ? AND request = ? AND ended_at IS NULL`,
      JSON.stringify(used),
      conversation,
      id,
    )
    this.#sql.run(
      `INSERT INTO token_usage (hour, conversation, agent_id, model, runs, input_tokens, output_tokens,
         cache_read_tokens, cache_write_tokens, cost_usd)
       VALUES (@hour, @conversation, @agent_id, @model, 1, @input_tokens, @output_tokens,
         @cache_read_tokens, @cache_write_tokens, @cost_usd)
       ON CONFLICT (hour, conversation, agent_id, model) DO UPDATE SET runs = runs + 1,
         input_tokens = input_tokens + @input_tokens, output_tokens = output_tokens + @output_tokens,
         cache_read_tokens = cache_read_tokens + @cache_read_tokens,
         cache_write_tokens = cache_write_tokens + @cache_write_tokens,
         cost_usd = CASE WHEN @cost_usd IS NULL THEN cost_usd ELSE coalesce(cost_usd, 0) + @cost_usd END`,
      { cost_usd: null, ...used, hour: Math.floor(now / hourMs), conversation, agent_id: agent_id ?? '', model },
    )
  }

  /** What all runs of a request have used; undefined when no provider told. */
  ofRequest({ id }: Pick<RequestRow, 'id'>): UsageSum | undefined {
    const sum = this.#sql.one<UsageSum>(`SELECT ${sums} FROM (${ofRun} WHERE request = ? AND usage IS NOT NULL)`, id)
    return sum === undefined || sum.runs === 0 ? undefined : sum
  }

  total(filter: UsageFilter): UsageSum {
    const sum = this.#sql.one<UsageSum>(`SELECT ${sums} FROM token_usage WHERE ${wanted}`, filter)
    return sum ?? { ...none }
  }

  /** What budgets go by: of a conversation in all. */
  spentByConversation(conversation: string): Spent {
    return this.#spent('INDEXED BY token_usage_of_conversation WHERE conversation = ?', conversation)
  }

  /** Of an agent since an hour. */
  spentByAgent(agentId: string, hour: number): Spent {
    return this.#spent('INDEXED BY token_usage_of_agent WHERE agent_id = ? AND hour >= ?', agentId, hour)
  }

  /** Of everybody since an hour. */
  spentSince(hour: number): Spent {
    return this.#spent('WHERE hour >= ?', hour)
  }

  #spent(where: string, ...values: (string | number)[]): Spent {
    const sql = `SELECT coalesce(sum(input_tokens + output_tokens), 0) AS tokens, coalesce(sum(cost_usd), 0) AS cost_usd
      FROM token_usage ${where}`
    return this.#sql.one<Spent>(sql, ...values) ?? { tokens: 0, cost_usd: 0 }
  }

  /** The sums of a group, those with the most tokens first. */
  by(group: UsageGroup, filter: UsageFilter, limit: number): Record<string, UsageSum> {
    const rows = this.#sql.all<UsageSum & { name: string }>(
      `SELECT ${groups[group]} AS name, ${sums} FROM token_usage WHERE ${wanted} GROUP BY 1
       ORDER BY total_tokens DESC LIMIT @limit`,
      { ...filter, limit },
    )
    return Object.fromEntries(rows.map(({ name, ...sum }) => [name, sum]))
  }

  /** Removes sums that are too old. Call within a transaction. @returns how many went */
  trim(now: number): number {
    return this.#sql.run('DELETE FROM token_usage WHERE hour < ?', Math.floor(now / hourMs) - keptHours)
  }
}

const none: UsageSum = {
  runs: 0,
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cost_usd: null,
}
