/** One mistake that the compiler or a unit test has to refuse. */
export interface Mutant {
  kind: 'mistake' | 'key' | 'column'
  name: string
  /** The file it is made in, from the root of the project; one that is not there is made. */
  file: string
  /** Makes it. @throws Error when the text does not hold what it changes */
  change: (text: string) => string
  /** Test files, as globs, in the order in which they are asked what the compiler lets pass. */
  tests: readonly string[]
  /** The compiler sees it; what it cannot see goes to the tests at once. */
  compiled: boolean
  /** A field that is renamed: several of these are shown to the compiler together. */
  field?: Field
}

/** A field where it is defined. */
export interface Field {
  key: string
  /** of its file, from 0 */
  line: number
  /** its place in the line */
  at: number
  /** Its schema has no name but this one: the new name is put before it. */
  shorthand: boolean
}

/** A text with a field renamed. */
export function renamed(text: string, { key, line, at, shorthand }: Field, name: string): string {
  const lines = text.split('\n')
  const whole = lines[line] ?? ''
  lines[line] = `${whole.slice(0, at)}${name}${shorthand ? `: ${key}` : ''}${whole.slice(at + key.length)}`
  return lines.join('\n')
}

/** Replaces the first occurrence. @throws Error when there is none: the mutant has to follow the code */
export function replaceOnce(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`there is no ${JSON.stringify(from)}`)
  return text.replace(from, () => to)
}
