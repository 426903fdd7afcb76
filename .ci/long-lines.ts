import { globSync, readFileSync } from 'node:fs'

/* npm run lint: no line over 120 columns, strings and comments included; the formatter leaves those as they are. */
const most = 120

const long = globSync(['src/**/*.{ts,js,css}', '.ci/*.ts', '*.config.ts']).flatMap((file) => {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.flatMap((line, i) => (line.length > most ? [`${file}:${i + 1}: ${line.length} columns`] : []))
})
if (long.length > 0) process.stderr.write(`Lines of more than ${most} columns:\n${long.join('\n')}\n`)
process.exitCode = long.length > 0 ? 1 : 0
