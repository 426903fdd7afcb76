import { closeSync, openSync } from 'node:fs'
import { isObject } from '../lib/ndjson.ts'
import type { Image } from './salvage-image.ts'
import { readPage } from './salvage-image.ts'

/*
 * Rows of a damaged file by their pages alone: where a page that only says which others belong to a table is garbled,
 * the rows are there and nobody can find them by their table. Which table one is of is told by its shape.
 */

/** A value as SQLite keeps it. */
export type Value = string | number | null | Buffer

export interface RawRow {
  table: string
  rowid: number
  values: Value[]
}

const leafOfTable = 0x0d

const isText = (value: Value | undefined): value is string => typeof value === 'string'
const isNumber = (value: Value | undefined): value is number => typeof value === 'number'

/** The tables whose rows somebody waits for, each by what tells its rows from all others. */
const shapes: Record<string, (values: Value[]) => boolean> = {
  requests: ([id, request, conversation, , , priority, rank, state]) =>
    id === null &&
    isText(request) &&
    isText(conversation) &&
    isNumber(rank) &&
    /^(INJECT|ASYNC)$/.test(String(priority)) &&
    /^(queued|processing|completed|failed|cancelled)$/.test(String(state)),
  payloads: (values) => values.length === 2 && values[0] === null && isPayload(objectIn(values[1])),
  outcomes: (values) => values.length === 2 && values[0] === null && isOutcome(objectIn(values[1])),
  events: (values) =>
    values.length === 5 &&
    values[0] === null &&
    /^[\w-]+:[\w:-]+$/.test(String(values[1])) &&
    isNumber(values[2]) &&
    objectIn(values[4]) !== undefined,
  runs: ([id, run, request, conversation, attempt, , , started]) =>
    id === null && isText(run) && isNumber(request) && isText(conversation) && isNumber(attempt) && isNumber(started),
}

/** Every row of one of these tables that a whole page holds, of pages that were in use. */
export function* rawRows({ path, pageSize, pages, free }: Image): Generator<RawRow> {
  const fd = openSync(path, 'r')
  try {
    for (let number = 1; number <= pages; number++) {
      if (free.has(number)) continue
      const page = readPage(fd, pageSize, number)
      if (page[number === 1 ? 100 : 0] !== leafOfTable || number === 1) continue
      for (const cell of cellsOf(page)) {
        const row = readCell(fd, { page, at: cell, pageSize, pages })
        const table = row && Object.keys(shapes).find((name) => shapes[name]?.(row.values))
        if (row !== undefined && table !== undefined) yield { table, ...row }
      }
    }
  } finally {
    closeSync(fd)
  }
}

function cellsOf(page: Buffer): number[] {
  const count = Math.min(page.readUInt16BE(3), (page.length - 8) >> 1)
  return Array.from({ length: count }, (_, index) => page.readUInt16BE(8 + 2 * index)).filter((at) => at < page.length)
}

interface Cell {
  page: Buffer
  at: number
  pageSize: number
  pages: number
}

/** @returns undefined for anything that is no whole row */
function readCell(fd: number, { page, at, pageSize, pages }: Cell): Omit<RawRow, 'table'> | undefined {
  try {
    const reader = { buffer: page, at }
    const size = varint(reader)
    const rowid = varint(reader)
    const local = localBytes(size, pageSize)
    if (
      size <= 0 ||
      size > pages * pageSize ||
      !Number.isSafeInteger(rowid) ||
      rowid <= 0 ||
      reader.at + local > pageSize
    )
      return undefined
    const parts = [page.subarray(reader.at, reader.at + local)]
    let next = local < size ? page.readUInt32BE(reader.at + local) : 0
    for (let missing = size - local; missing > 0; missing -= pageSize - 4) {
      if (next === 0 || next > pages) return undefined
      const more = readPage(fd, pageSize, next)
      parts.push(more.subarray(4, 4 + Math.min(missing, pageSize - 4)))
      next = more.readUInt32BE(0)
    }
    return { rowid, values: readRecord(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)) }
  } catch {
    return undefined
  }
}

/** How much of a row lies in its own page; the rest is in others. */
function localBytes(size: number, pageSize: number): number {
  const most = pageSize - 35
  if (size <= most) return size
  const least = Math.floor(((pageSize - 12) * 32) / 255) - 23
  const local = least + ((size - least) % (pageSize - 4))
  return local <= most ? local : least
}

interface Reader {
  buffer: Buffer
  at: number
}

function varint(reader: Reader): number {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = reader.buffer.readUInt8(reader.at++)
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return value
  }
  return value * 256 + reader.buffer.readUInt8(reader.at++)
}

function readRecord(record: Buffer): Value[] {
  const reader = { buffer: record, at: 0 }
  const headerEnd = varint(reader)
  const types: number[] = []
  while (reader.at < headerEnd) types.push(varint(reader))
  if (reader.at !== headerEnd) throw new RangeError('no record')
  return types.map((type) => readValue(reader, type))
}

const integerBytes = [0, 1, 2, 3, 4, 6, 8]

function readValue(reader: Reader, type: number): Value {
  if (type === 0) return null
  if (type === 8 || type === 9) return type - 8
  const bytes = type < 7 ? (integerBytes[type] ?? 0) : type === 7 ? 8 : (type - (type % 2 === 0 ? 12 : 13)) / 2
  if (bytes < 0 || reader.at + bytes > reader.buffer.length) throw new RangeError('no value')
  const value = reader.buffer.subarray(reader.at, reader.at + bytes)
  reader.at += bytes
  if (type === 7) return value.readDoubleBE()
  if (type === 6) return Number(value.readBigInt64BE())
  if (type < 6) return value.readIntBE(0, bytes)
  return type % 2 === 0 ? value : value.toString('utf8')
}

function objectIn(value: Value | undefined): Record<string, unknown> | undefined {
  if (!isText(value) || !value.startsWith('{')) return undefined
  try {
    const parsed: unknown = JSON.parse(value)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isPayload(object: Record<string, unknown> | undefined): boolean {
  return object !== undefined && ('prompt' in object || 'messages' in object)
}

function isOutcome(object: Record<string, unknown> | undefined): boolean {
  return object !== undefined && !isPayload(object) && ('result' in object || 'reason' in object || 'message' in object)
}
