import type { Db } from './open.ts'
import { Sql } from './sql.ts'

/** What a module gave to a checkpoint: JSON, in the version it was written in. */
export interface ModuleState {
  module: string
  version: number
  state: unknown
}

interface StateRow {
  module: string
  version: number
  state: string
}

/** The states of modules by checkpoint. How large one may be is the caller's to limit. Write within `journal.tx`. */
export class ModuleStates {
  readonly #sql: Sql

  constructor(db: Db) {
    this.#sql = new Sql(db)
  }

  /** Keeps what a module gave to a checkpoint. @throws TypeError for what JSON cannot hold */
  put(checkpoint: number, { module, version, state }: ModuleState): void {
    const text = JSON.stringify(state) as string | undefined
    if (text === undefined) throw new TypeError(`The state of ${module} is nothing that JSON can hold.`)
    this.#sql.run(
      `INSERT INTO module_states (module, checkpoint, version, state) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state`,
      module,
      checkpoint,
      version,
      text,
    )
  }

  /** The newest state a module ever gave, whichever checkpoint it was. */
  newest(module: string): (ModuleState & { checkpoint: number }) | undefined {
    const row = this.#sql.one<StateRow & { checkpoint: number }>(
      'SELECT module, checkpoint, version, state FROM module_states WHERE module = ? ORDER BY checkpoint DESC LIMIT 1',
      module,
    )
    return row && { ...row, state: JSON.parse(row.state) as unknown }
  }

  /** What all modules gave to a checkpoint. */
  of(checkpoint: number): ModuleState[] {
    return this.#sql
      .all<StateRow>('SELECT module, version, state FROM module_states WHERE checkpoint = ?', checkpoint)
      .map((row) => ({ ...row, state: JSON.parse(row.state) as unknown }))
  }
}
