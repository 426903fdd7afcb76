import type { ErrorReport } from './errors.ts'

/**
 * An error whose message begins with the place in our source it is about, `src/daemon/x.ts:30:7: …`, as far as its
 * stack tells. Our own errors (KSI_…) are about something else than code and stay as they are.
 */
export function withPlace(error: ErrorReport): ErrorReport {
  if (error.code?.startsWith('KSI_') === true) return error
  const place = placeOf(error)
  return place === undefined || error.message.startsWith(place)
    ? error
    : { ...error, message: `${place}: ${error.message}` }
}

/** How a syntax error's stack begins, before the line itself. `?anew` and the like: the file was imported once more. */
const head = /^(?:file:\/)?\/.*\/(src\/[^?:\n]+)(?:\?[^:\n]*)?:(\d+)\n/
const frame = /file:\/\/\S*\/(src\/[^\s?:]+)(?:\?[^\s:]*)?:(\d+):(\d+)/g
const place = /^(src\/[^\s:]+):(\d+)(?::(\d+))?/
const importer = /imported from .*\/(src\/[^\s'"]+)/

function placeOf({ message, stack = '' }: ErrorReport): string | undefined {
  const [whole = '', broken, row] = head.exec(stack) ?? []
  if (broken !== undefined && !isForeign(whole)) return [broken, row, ...caretOf(stack)].join(':')
  for (const [where, file = '', line, column] of stack.matchAll(frame))
    if (!isForeign(where)) return `${decoded(file)}:${line}:${column}`
  return importer.exec(message)?.[1]
}

function decoded(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    // It was no address after all.
    return path
  }
}

function isForeign(where: string): boolean {
  return where.includes('/node_modules/')
}

/** Node shows the line of a syntax error with a caret below it, and says no column. */
function caretOf(stack: string): number[] {
  const caret = stack.split('\n', 6).find((line) => /^\s*\^+\s*$/.test(line))
  return caret === undefined ? [] : [caret.indexOf('^') + 1]
}

/** A place in our source, counted from 1; column 0 where it is not known. */
export interface Place {
  file: string
  line: number
  column: number
}

/** The place an error is about, where it tells a line. */
export function placeIn(error: { message: string; stack?: string | undefined }): Place | undefined {
  const [, file, line, column = '0'] = place.exec(withPlace(error).message) ?? []
  return file === undefined ? undefined : { file, line: Number(line), column: Number(column) }
}
