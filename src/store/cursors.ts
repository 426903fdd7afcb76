import type { Sql } from './sql.ts'

/** Up to where the followers of the outbox have come. Write within `journal.tx`. */
export class Cursors {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The seq up to which `name` has done its work; 0 when it has not begun. */
  get(name: string): { seq: number; note: string | null } {
    return this.#sql.one('SELECT seq, note FROM cursors WHERE name = ?', name) ?? { seq: 0, note: null }
  }

  /** @param note whatever the follower needs to judge its own word by */
  set(name: string, seq: number, note: string | null = null): void {
    this.#sql.run(
      `INSERT INTO cursors (name, seq, note) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, note = excluded.note`,
      name,
      seq,
      note,
    )
  }
}
