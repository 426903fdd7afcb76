/** A JSON value as a text: a text itself, nothing for null and what is not there, anything else as JSON. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value
  return value == null ? '' : JSON.stringify(value)
}
