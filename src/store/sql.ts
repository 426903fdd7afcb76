import type Database from 'better-sqlite3'
import type { Db } from './open.ts'

/** What a statement takes: values in order, or one object of named ones. */
type Parameters = unknown[]

/**
 * Statements by their text, prepared at their first use: a generation that goes live pays only for those it needs.
 * The row types are the caller's word for the columns its statement names.
 */
export class Sql {
  #db: Db
  readonly #rows = new Map<string, Database.Statement>()
  readonly #values = new Map<string, Database.Statement>()

  constructor(db: Db) {
    this.#db = db
  }

  /** From now on everything is done with this database, which has the same tables. */
  moveTo(db: Db): void {
    this.#db = db
    this.#rows.clear()
    this.#values.clear()
  }

  /** @returns the first row */
  one<T>(text: string, ...parameters: Parameters): T | undefined {
    return this.#row(text).get(...parameters) as T | undefined
  }

  all<T>(text: string, ...parameters: Parameters): T[] {
    return this.#row(text).all(...parameters) as T[]
  }

  /** Rows one at a time: nothing else may be done with the database until the last. */
  iterate<T>(text: string, ...parameters: Parameters): IterableIterator<T> {
    return this.#row(text).iterate(...parameters) as IterableIterator<T>
  }

  /** @returns the first column of the first row */
  value<T>(text: string, ...parameters: Parameters): T | undefined {
    return this.#value(text).get(...parameters) as T | undefined
  }

  /** @returns the first column of each row */
  values<T>(text: string, ...parameters: Parameters): T[] {
    return this.#value(text).all(...parameters) as T[]
  }

  /** @returns how many rows were changed */
  run(text: string, ...parameters: Parameters): number {
    return this.#row(text).run(...parameters).changes
  }

  #row(text: string): Database.Statement {
    let statement = this.#rows.get(text)
    if (statement === undefined) this.#rows.set(text, (statement = this.#db.prepare(text)))
    return statement
  }

  #value(text: string): Database.Statement {
    let statement = this.#values.get(text)
    if (statement === undefined) this.#values.set(text, (statement = this.#db.prepare(text).pluck()))
    return statement
  }
}
