import { isUtf8 } from 'node:buffer'
import type { Db } from './open.ts'

/*
 * Values that SQLite keeps and no code of ours has written: a few garbled bytes make a word of no meaning, text that is
 * no JSON, a number beyond all counting. Whoever meets one would fail on it, again and again.
 */

/** Epoch ms until the year 10889, and more ticks and epochs than there will be. */
export const largest = 2 ** 48

const states = ['queued', 'processing', 'completed', 'failed', 'cancelled']

/** Columns by whose text a row is found: what is no UTF-8 reads as another text, which is never found again. */
const names = new Set(['requests.request_id', 'requests.conversation'])

/** Columns that take nothing but these. */
const words: Record<string, readonly (string | number)[]> = {
  'requests.state': states,
  'requests.priority': ['INJECT', 'ASYNC'],
  'requests.rank': [0, 1, 2],
  'requests.on_restart': ['fail', 'requeue'],
}

/** Columns of JSON, by what it begins with. */
const json: Record<string, string> = {
  'requests.client': '',
  'payloads.data': '{',
  'outcomes.outcome': '{',
  'events.data': '{',
  'replies.reply': '',
  'runs.usage': '',
  'checkpoints.active': '[',
  'checkpoints.files': '[',
  'module_states.state': '',
  'removed.client': '',
  'removed.data': '{',
  'removed.outcome': '{',
  'boots.files': '[',
  'boots.phases': '{',
  'boots.restored': '',
  'boots.error': '',
}

/**
 * What takes the place of such a value where NULL cannot, in SQL. Without an entry here and in the schema its row goes:
 * what it said is then made again of the others, or told as lost.
 */
const replacements: Record<string, string> = {
  'requests.priority': "'ASYNC'",
  'requests.rank': '2',
  'requests.state': "'queued'",
  'requests.event': "'completion:async'",
  'requests.model': "'echo/echo'",
  'requests.on_restart': "'fail'",
  'requests.digest': "''",
  'requests.queued_at': '0',
  'runs.run_id': "''",
  'runs.conversation': 'coalesce((SELECT conversation FROM requests r WHERE r.id = runs.request), run_id)',
  'runs.attempt': '1',
  'runs.started_at': '0',
  'runs.ended_at': 'started_at',
  'events.at': '0',
  'events.data': "'{}'",
  'conversations.last_used_at': '0',
  'sessions.at': '0',
  'checkpoints.active': "'[]'",
  'checkpoints.files': "'[]'",
  'boots.cause': "'start'",
  'boots.files': "'[]'",
  'boots.at': '0',
  'boots.previous_end': "'none'",
  'boots.phases': "'{}'",
}

interface Column {
  table: string
  name: string
  /** the condition under which a row's value is none that was written */
  unfit: string
  /** what to put instead; undefined where its row goes */
  instead: string | undefined
}

/** @returns a sentence for each column with such values */
export function unfitValues(db: Db): string[] {
  return unfitColumns(db).map(({ table, name, count }) => `values of ${table} that are no ${name}: ${count}`)
}

/** Puts something that can be read in their place, or removes their rows. Call within a transaction. */
export function replaceUnfit(db: Db): void {
  for (const { table, name, unfit, instead } of unfitColumns(db)) {
    if (instead !== undefined) db.exec(`UPDATE OR IGNORE ${table} SET ${name} = ${instead} WHERE ${unfit}`)
    db.exec(`DELETE FROM ${table} WHERE ${unfit}`)
  }
}

/** Columns with such values; each table is gone through once. */
function unfitColumns(db: Db): (Column & { count: number })[] {
  const tables = Map.groupBy(columnsOf(db), ({ table }) => table)
  return [...tables].flatMap(([table, columns]) => {
    const sums = columns.map(({ unfit }) => `total(${unfit})`).join(', ')
    const counts = db.prepare(`SELECT ${sums} FROM ${table}`).raw().get() as number[]
    return columns.map((column, i) => ({ ...column, count: counts[i] ?? 0 })).filter(({ count }) => count > 0)
  })
}

function columnsOf(db: Db): Column[] {
  db.function('is_text', { deterministic: true }, (bytes) => Number(bytes instanceof Uint8Array && isUtf8(bytes)))
  db.function('is_json', { deterministic: true }, (text, opening) => Number(isJson(text, opening)))
  const columns = db
    .prepare(
      `SELECT t.name AS "table", c.name, c.type, c."notnull" AS needed, c.dflt_value AS otherwise, c.pk
       FROM pragma_table_list t, pragma_table_info(t.name) c
       WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.pk = 0, c.cid`,
    )
    .all() as Described[]
  return columns.map(toColumn)
}

interface Described {
  table: string
  name: string
  type: string
  needed: number
  otherwise: string | null
  pk: number
}

function toColumn({ table, name, type, needed, otherwise, pk }: Described): Column {
  const key = `${table}.${name}`
  const fits = [ofType(name, type)]
  if (names.has(key)) fits.push(`is_text(CAST(${name} AS BLOB))`)
  const allowed = words[key]
  if (allowed !== undefined)
    fits.push(`${name} IN (${allowed.map((word) => (typeof word === 'string' ? `'${word}'` : word)).join(', ')})`)
  const opening = json[key]
  if (opening !== undefined) fits.push(`is_json(${name}, '${opening}')`)
  const isNeeded = needed === 1 || pk > 0
  const unfit = `NOT (${fits.join(' AND ')})`
  const instead = pk > 0 ? undefined : (replacements[key] ?? (isNeeded ? (otherwise ?? undefined) : 'NULL'))
  return { table, name, unfit: isNeeded ? unfit : `${name} IS NOT NULL AND ${unfit}`, instead }
}

function ofType(name: string, type: string): string {
  if (type === 'INTEGER') return `typeof(${name}) = 'integer' AND ${name} BETWEEN 0 AND ${largest}`
  if (type === 'REAL') return `typeof(${name}) IN ('integer', 'real')`
  return `typeof(${name}) = 'text'`
}

function isJson(text: unknown, opening: unknown): boolean {
  if (typeof text !== 'string' || !text.startsWith(String(opening))) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
