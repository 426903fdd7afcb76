import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { logLine } from '../../contracts/listed.ts'
import type { LogLine } from '../../contracts/listed.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { parseObject } from '../../lib/ndjson.ts'
import { printable } from '../../lib/printable.ts'
import { iso } from '../../lib/time.ts'

export interface LogQuery {
  /** only while this generation was live */
  boot?: number | undefined
  process?: string | undefined
  /** of this level and above */
  level?: 'debug' | 'info' | 'warn' | 'error' | undefined
  q?: string | undefined
  limit: number
}

/** So much of the end of the log is looked through, in bytes; for a generation's lines more, since they may be old. */
const lookedBytes = 2 * 1024 * 1024
const lookedForBoot = 8 * 1024 * 1024

const levels = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' } as const
const rank = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

/** Reads the end of the log that the supervisor keeps. */
export class LogTail {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** The last lines that fit, newest last; `cut`: there may be older ones. @throws the system's error, but ENOENT */
  last(query: LogQuery): { found: LogLine[]; cut: boolean } {
    const { text, cut } = this.#end(query.boot === undefined ? lookedBytes : lookedForBoot)
    const isOfBoot = query.boot === undefined ? () => true : ofGeneration(query.boot)
    const found = text
      .split('\n')
      .filter((line) => line !== '')
      .map(readLine)
      .filter((line) => isOfBoot(line) && fits(line, query))
    return { found: found.slice(-query.limit), cut: cut || found.length > query.limit }
  }

  #end(bytes: number): { text: string; cut: boolean } {
    try {
      const fd = openSync(this.#path, 'r')
      try {
        const { size } = fstatSync(fd)
        const from = Math.max(0, size - bytes)
        const end = Buffer.alloc(size - from)
        const text = end.toString('utf8', 0, readSync(fd, end, 0, end.length, from))
        return { text: from === 0 ? text : text.slice(text.indexOf('\n') + 1), cut: from > 0 }
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return { text: '', cut: false }
      throw error
    }
  }
}

function fits(line: LogLine, { process, level = 'debug', q }: LogQuery): boolean {
  if (rank[line.level] < rank[level]) return false
  if (process !== undefined && line.process !== process) return false
  return q === undefined || `${line.message} ${JSON.stringify(line.more)}`.toLowerCase().includes(q.toLowerCase())
}

/** Lets those lines pass that were written while a generation was live. */
function ofGeneration(wanted: number): (line: LogLine) => boolean {
  let live: number | undefined
  return ({ message }) => {
    const [, number] = /^generation (\d+) is live/.exec(message) ?? []
    if (number !== undefined) live = Number(number)
    return live === wanted
  }
}

function readLine(line: string): LogLine {
  const { time, level, name, msg, ...more } = parseObject(line) ?? { msg: line }
  const known = typeof level === 'number' && Object.hasOwn(levels, level)
  return logLine.parse({
    at: typeof time === 'number' ? iso(time) : null,
    level: known ? levels[level as keyof typeof levels] : 'info',
    process: typeof name === 'string' ? name : 'other',
    message: printable(typeof msg === 'string' ? msg : ''),
    more,
  })
}
