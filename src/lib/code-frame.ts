/** Lines shown before and after, and of a long line so many characters. */
const around = 2
const widest = 160

/** The lines around a place of a source, with a mark at it. @returns undefined where the source has no such line */
export function codeFrame(source: string, { line, column }: { line: number; column: number }): string | undefined {
  const lines = source.split('\n')
  if (line < 1 || line > lines.length) return undefined
  const from = Math.max(1, line - around)
  const to = Math.min(lines.length, line + around)
  const width = String(to).length
  const shown: string[] = []
  for (let at = from; at <= to; at++) {
    const text = (lines[at - 1] ?? '').replaceAll('\t', '  ').slice(0, widest)
    shown.push(`${at === line ? '>' : ' '} ${String(at).padStart(width)} │ ${text}`.trimEnd())
    if (at === line && column > 0 && column <= widest)
      shown.push(`  ${' '.repeat(width)} │ ${' '.repeat(indent(lines[at - 1] ?? '', column))}^`)
  }
  return shown.join('\n')
}

/** Where a column stands once tabs are two blanks. */
function indent(text: string, column: number): number {
  return text.slice(0, column - 1).replaceAll('\t', '  ').length
}
