import { styleText } from 'node:util'
import { escapedJson, printable, printableInColour } from '../lib/printable.ts'

type Style = Parameters<typeof styleText>[0]

/** Writes data: a line on stdout. Of control characters only our own colours get through. */
export function print(text: string): void {
  process.stdout.write(`${printableInColour(text)}\n`)
}

/** Writes data as JSON: indented for people, on one line for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${escapedJson(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined))}\n`)
}

/** Writes a message: a line on stderr. */
export function say(text: string): void {
  process.stderr.write(`${printableInColour(text)}\n`)
}

/** Colour, where stdout is a terminal that wants it (NO_COLOR, FORCE_COLOR). */
export function paint(style: Style, text: string): string {
  return styleText(style, printable(text), { stream: process.stdout })
}

/** Rows as columns, each as wide as its widest cell. */
export function columns(given: readonly (readonly string[])[], indent = ''): string {
  const rows = given.map((row) => row.map(printable))
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, n) => (widths[n] = Math.max(widths[n] ?? 0, cell.length)))
  return rows
    .map((row) => indent + row.map((cell, n) => (n === row.length - 1 ? cell : cell.padEnd(widths[n] ?? 0))).join('  '))
    .join('\n')
}

/** A length of time in words: `46 ms`, `3.2 s`, `5 min`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  if (minutes < 60) return `${minutes} min`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 1_440)} d ${Math.floor((minutes % 1_440) / 60)} h`
}

/** Time of day of an instant, local. @param at epoch ms */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

/** Date and time of an instant, local, `2026-11-24 01:02:03`; with a `Z` where local is UTC. @param at epoch ms, ISO */
export function moment(at: number | string): string {
  const date = new Date(at)
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return `${date.toLocaleDateString('sv-SE')} ${clock(date.getTime())}${zone === 'UTC' ? 'Z' : ''}`
}

/** `1 request`, `2 requests`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** The first lines of a text on one line, at most `max` characters. */
export function brief(text: string, max = 100): string {
  const line = printable(text.replaceAll(/\s+/g, ' ')).trim()
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}
