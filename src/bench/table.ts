/** Lays out rows as text: columns as wide as their longest cell, the first to the left, the others to the right. */
export function layOut(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    head
      .map((_, column) =>
        column === 0 ? (row[0] ?? '').padEnd(widths[0] ?? 0) : (row[column] ?? '').padStart(widths[column] ?? 0),
      )
      .join(' | ')
  const rule = widths.map((width) => '-'.repeat(width)).join('-|-')
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** A number for people: three digits or so, `–` for none. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US')
  return String(Math.abs(value) >= 10 ? Math.round(value) : Math.round(value * 100) / 100)
}

/** Says on stderr what is being done, so that stdout holds nothing but the result. */
export function progress(text: string): void {
  process.stderr.write(`  ${text}\n`)
}
