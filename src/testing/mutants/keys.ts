import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { eventSpecs, pushSpecs } from '../../contracts/events.ts'
import { frameToFront, frameToGeneration } from '../../contracts/relay.ts'
import { renamed } from './mutant.ts'
import type { Field, Mutant } from './mutant.ts'

const tests = [
  'src/contracts/**/*.test.ts',
  'src/daemon/{wire,completion,checkpoint,monitor,module-host,agents,event-log}/*.test.ts',
  'src/store/{checkpoints,reader}.test.ts',
  'src/client/*.test.ts',
  'src/supervisor/front/*.test.ts',
  'src/cli/{commands,watch,commands/providers}.test.ts',
  'src/runner/{chunk-redactor,runs}.test.ts',
  'src/store/run-log/*.test.ts',
  'src/history/stream-history.test.ts',
  'src/sidecar/**/*.test.ts',
]

/** Where these fields are defined. */
const files = [
  'src/contracts/{checkpoint,chunk,completion,control,holds,permissions,providers,relay,usage}.ts',
  'src/contracts/events/*.ts',
]

interface JsonSchema {
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  additionalProperties?: JsonSchema | boolean
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
}

/** Every key of every reply, push and frame of the contract, renamed wherever a schema defines it. */
export function keyMutants(root: string): Mutant[] {
  const wanted = contractKeys()
  const found = new Set<string>()
  const mutants: Mutant[] = []
  for (const file of globSync(files, { cwd: root }).sort()) {
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .forEach((line, index) => {
        for (const field of fieldsIn(line, index)) {
          if (!wanted.has(field.key)) continue
          found.add(field.key)
          mutants.push(toMutant(file, field))
        }
      })
  }
  const missing = [...wanted].filter((key) => !found.has(key))
  if (missing.length > 0) throw new Error(`no file of contracts/ defines ${missing.join(', ')}`)
  return mutants
}

/** No key renamed: were it refused, the refusals of the others would say nothing. */
export function noKeyMutant(): Mutant {
  const file = 'src/contracts/words.ts'
  return { kind: 'key', name: 'a line more', file, change: (text) => `${text}\n`, tests, compiled: false }
}

function toMutant(file: string, field: Field): Mutant {
  const { key, line } = field
  return {
    kind: 'key',
    name: `${key} (${file}:${line + 1})`,
    file,
    change: (text) => renamed(text, field, `${key}_renamed`),
    tests,
    compiled: true,
    field,
  }
}

/** The names of all fields, at any depth. */
function contractKeys(): Set<string> {
  const schemas: z.ZodType[] = [
    ...Object.values(eventSpecs).map(({ reply }) => reply()),
    ...Object.values(pushSpecs).map(({ data }) => data()),
    frameToGeneration(),
    frameToFront(),
  ]
  const keys = new Set<string>()
  for (const schema of schemas)
    collect(z.toJSONSchema(schema, { unrepresentable: 'any', reused: 'inline' }) as JsonSchema, keys)
  return keys
}

function collect(schema: JsonSchema, keys: Set<string>): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    keys.add(key)
    collect(property, keys)
  }
  const { items, additionalProperties, anyOf = [], oneOf = [], allOf = [] } = schema
  for (const part of [items, additionalProperties, ...anyOf, ...oneOf, ...allOf])
    if (typeof part === 'object') collect(part, keys)
}

/** A field with its schema (`key: z…`, `key: schema()`), or one named as its schema is (`key,`). */
const defined = /(?<![\w.'?])(\w+): (?=z\b|[a-z]\w*(\(\)|[.,)\s}]|$))/g
const shorthand = /(?<=^\s*)(\w+)(?=,$)|(?<=[{,] )(\w+)(?= \}|, )/g
/** What describes an event instead of its fields. */
const ofEvent = /^ {4}(data|reply): (?=\(\) =>|z\.looseObject|\w+,$)/

function fieldsIn(text: string, line: number): Field[] {
  if (/^\s*(\/?\*|\/\/|import\s|export type)/.test(text)) return []
  const blank = (part: string): string => ' '.repeat(part.length)
  const fields = text.replace(ofEvent, blank).replaceAll(/'[^']*'|"[^"]*"/g, blank)
  return [
    ...[...fields.matchAll(defined)].map(({ 1: key = '', index }) => ({ key, line, at: index, shorthand: false })),
    ...[...fields.matchAll(shorthand)].map(({ 0: key, index }) => ({ key, line, at: index, shorthand: true })),
  ]
}
