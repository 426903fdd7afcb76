import { isObject } from '../../lib/ndjson.ts'

/** Characters from which on a value is told by its length alone. */
const longValue = 5_120
/** Characters that an event's data may have after that. */
const maxData = 65_536

/**
 * An event's data as JSON, with long texts and lists told as `<stripped:N chars>`, as KSI's log has them.
 * @param text the data as JSON, as it is
 */
export function shortened(data: Record<string, unknown>, text = JSON.stringify(data)): string {
  if (text.length <= longValue) return text
  const short = JSON.stringify(strip(data))
  return short.length <= maxData ? short : JSON.stringify({ request_id: data['request_id'], data: mark(text.length) })
}

function strip(value: unknown): unknown {
  if (typeof value === 'string') return value.length > longValue ? mark(value.length) : value
  if (Array.isArray(value)) {
    const { length } = JSON.stringify(value)
    return length > longValue ? mark(length) : value
  }
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, strip(inner)]))
}

function mark(length: number): string {
  return `<stripped:${length} chars>`
}
