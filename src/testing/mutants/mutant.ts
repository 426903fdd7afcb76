/** One mistake that the compiler or a unit test has to refuse. */
export interface Mutant {
  kind: 'mistake' | 'key' | 'column'
  name: string
  /** The file it is made in, from the root of the project. */
  file: string
  /** Makes it. @throws Error when the text does not hold what it changes */
  change: (text: string) => string
  /** Test files, as globs, in the order in which they are asked what the compiler lets pass. */
  tests: readonly string[]
  /** The compiler sees it; what it cannot see goes to the tests at once. */
  compiled: boolean
}

/** Replaces the first occurrence. @throws Error when there is none: the mutant has to follow the code */
export function replaceOnce(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`there is no ${JSON.stringify(from)}`)
  return text.replace(from, () => to)
}
