import type { z } from 'zod'
import { overLimit } from '../../lib/json-shape.ts'

/** What a request line itself may be made of holds for JSON within it too. */
const limits = { levels: 64, values: 20_000 } as const

/**
 * Data in which every parameter that is wrong, and is the text of a JSON object or list, is that object or list.
 * @returns undefined where there is none
 */
export function withJsonRead(
  data: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): Record<string, unknown> | undefined {
  const read: Record<string, unknown> = {}
  for (const { path } of issues) {
    const name = String(path[0] ?? '')
    const value = path.length === 1 ? jsonOf(data[name]) : undefined
    if (value !== undefined) read[name] = value
  }
  return Object.keys(read).length === 0 ? undefined : { ...data, ...read }
}

function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value) || overLimit(Buffer.from(value), limits) !== undefined)
    return undefined
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
