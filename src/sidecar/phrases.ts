/** Time of day in UTC, with the date when it is not today's. */
export function timeOf(ms: number, nowMs: number): string {
  const text = new Date(ms).toISOString()
  const [day, time] = [text.slice(0, 10), text.slice(11, 19)]
  return day === new Date(nowMs).toISOString().slice(0, 10) ? `${time} UTC` : `${day} ${time} UTC`
}

export function listed(files: readonly string[]): string {
  return files.length <= 3 ? files.join(', ') : `${files.slice(0, 3).join(', ')} and ${files.length - 3} more`
}

export function firstLine(text: string): string {
  return (text.trim().split('\n', 1)[0] ?? '').slice(0, 300)
}

/** A sentence as a part of another one. */
export function withinSentence(text: string): string {
  return firstLine(text.charAt(0).toLowerCase() + text.slice(1)).replace(/\.$/, '')
}

export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

export function withoutStop(text: string): string {
  return text.replace(/\.$/, '')
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A line of the code, a file of the disk. */
export function where(...files: (string | null)[]): string {
  const known = files.filter((file) => file !== null)
  return known.length === 0 ? '' : ` (${known.join(', ')})`
}
