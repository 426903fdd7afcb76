import type { Sql } from './sql.ts'
import { readStored } from './stored.ts'

/** What a module gave to a checkpoint: JSON, in the version it was written in. */
export interface ModuleState {
  module: string
  version: number
  state: unknown
}

/** Why a module gave nothing to a checkpoint that should have had its state. */
export interface ModuleFailure {
  module: string
  version: number
  error: string
}

interface StateRow {
  module: string
  version: number
  state: string
}

/** The states of modules by checkpoint. How large one may be is the caller's to limit. Write within `journal.tx`. */
export class ModuleStates {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Keeps what a module gave to a checkpoint, or why it gave nothing. @throws TypeError for what JSON cannot hold */
  put(checkpoint: number, given: ModuleState | ModuleFailure): void {
    const { module, version } = given
    const error = 'error' in given ? given.error : null
    const text = 'error' in given ? null : (JSON.stringify(given.state) as string | undefined)
    if (text === undefined) throw new TypeError(`The state of ${module} is nothing that JSON can hold.`)
    this.#sql.run(
      `INSERT INTO module_states (module, checkpoint, version, state, error) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state, error = excluded.error`,
      module,
      checkpoint,
      version,
      text,
      error,
    )
  }

  /**
   * The newest state a module ever gave that can be read, whichever checkpoint it was.
   * @param onGarbled told of each newer one that cannot
   */
  newest(
    module: string,
    onGarbled: (checkpoint: number) => void = () => {},
  ): (ModuleState & { checkpoint: number }) | undefined {
    const next = `SELECT module, checkpoint, version, state FROM module_states
       WHERE module = ? AND checkpoint < ? AND state IS NOT NULL ORDER BY checkpoint DESC LIMIT 1`
    for (let before = Number.MAX_SAFE_INTEGER; ;) {
      const row = this.#sql.one<StateRow & { checkpoint: number }>(next, module, before)
      if (row === undefined) return undefined
      const state = readStored<unknown, undefined>(row.state, undefined)
      if (state !== undefined) return { ...row, state }
      onGarbled(row.checkpoint)
      before = row.checkpoint
    }
  }

  /** What all modules gave to a checkpoint, as far as it can be read. */
  of(checkpoint: number): ModuleState[] {
    return this.#sql
      .all<StateRow>(
        'SELECT module, version, state FROM module_states WHERE checkpoint = ? AND state IS NOT NULL',
        checkpoint,
      )
      .map((row) => ({ ...row, state: readStored<unknown, undefined>(row.state, undefined) }))
      .filter(({ state }) => state !== undefined)
  }
}

/** The modules that gave nothing to a checkpoint though they should have, by its number; by any connection. */
export function moduleFailures(sql: Sql): Map<number, { module: string; error: string }[]> {
  const rows = sql.all<{ checkpoint: number; module: string; error: string }>(
    'SELECT checkpoint, module, error FROM module_states WHERE error IS NOT NULL ORDER BY module',
  )
  return Map.groupBy(rows, ({ checkpoint }) => checkpoint) as Map<number, { module: string; error: string }[]>
}
