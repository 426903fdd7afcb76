import { writeSync } from 'node:fs'

/** What most of our code says to a log. */
export interface WordLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

/**
 * A log in the same JSON lines as `createLog`, without a library: for a process that has to be small.
 * @param level the lowest level that is written
 */
export function createPlainLog(
  name: string,
  level: string,
  write: (line: string) => void = (line) => writeSync(1, line),
): WordLog {
  const lowest = isLevel(level) ? levels[level] : levels.info
  const at =
    (of: keyof typeof levels) =>
    (fields: object, msg: string): void => {
      if (levels[of] < lowest) return
      const told = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]))
      try {
        write(`${JSON.stringify({ level: levels[of], time: Date.now(), name, ...told, msg })}\n`)
      } catch {
        // A reader that went away, or is behind: the work goes on.
      }
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function isLevel(level: string): level is keyof typeof levels {
  return Object.hasOwn(levels, level)
}

function plain(value: unknown): unknown {
  return value instanceof Error ? { type: value.name, message: value.message, stack: value.stack } : value
}
