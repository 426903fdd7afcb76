import type { ParseArgsOptionsConfig } from 'node:util'
import type { Place } from './place.ts'

/** What a command is run with. */
export interface Invocation {
  place: Place
  env: NodeJS.ProcessEnv
  /** Print data as JSON. */
  json: boolean
  /** `--timeout`, in ms. */
  timeoutMs: number | undefined
  /** The command's own options. */
  values: Record<string, string | boolean | undefined>
  positionals: string[]
  /** What was given as `--name value` pairs, for commands that take any name. */
  data: Record<string, unknown>
}

/** One command of ksi: a file in commands/. */
export interface Command {
  /** After `ksi `. */
  usage: string
  /** Command line without `ksi`, and what it does. */
  examples: readonly (readonly [string, string])[]
  /** How many words it takes after its name; default none. */
  words?: number
  /** Its options, with a line of help each. */
  options: Record<string, ParseArgsOptionsConfig[string] & { help: string }>
  /** More to know, as lines. */
  notes?: readonly string[]
  /** Takes out the `--name value` pairs that are not options but data. */
  takeData?: (args: readonly string[]) => { args: string[]; data: Record<string, unknown> }
  /** @returns the exit code */
  run: (invocation: Invocation) => Promise<number>
}
