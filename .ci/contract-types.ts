import { z } from 'zod'
import { requestStatus } from '../src/contracts/completion.ts'
import { eventSpecs, pushSpecs } from '../src/contracts/events.ts'

interface JsonSchema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  propertyNames?: JsonSchema
  description?: string
}

/** The types of the contract as TypeScript that imports nothing, by the file they take the place of. */
export function contractTypes(): Record<string, string> {
  const events = Object.entries(eventSpecs).map(
    ([name, { data, reply }]) => `  '${name}': { data: ${typeOf(data, 'input')}; reply: ${typeOf(reply(), 'output')} }`,
  )
  const pushes = Object.entries(pushSpecs).map(([name, { data }]) => `  '${name}': ${typeOf(data(), 'output')}`)
  return {
    'events.d.ts': `export interface Events {
${events.join('\n')}
}
export interface Pushes {
${pushes.join('\n')}
}
export type EventName = keyof Events
export type EventInput<N extends EventName> = Events[N]['data']
export type EventReply<N extends EventName> = Events[N]['reply']
export type PushName = keyof Pushes
export type PushData<N extends PushName> = Pushes[N]
`,
    'completion.d.ts': `export type RequestStatus = ${typeOf(requestStatus(), 'output')}\n`,
    'wire.d.ts': `export interface WirePush {
  event: string
  event_name: string
  /** The event's place in the journal: give the last one seen as \`since\` to go on after a disconnect. */
  seq: number
  /** epoch seconds */
  timestamp: number
  data: Record<string, unknown>
}
`,
  }
}

function typeOf(schema: z.ZodType, io: 'input' | 'output'): string {
  return print(z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema)
}

function print(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ') || 'never'
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return choices.map((one) => `(${print(one)})`).join(' | ')
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${print(one)})`).join(' & ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => print({ ...schema, type })).join(' | ')
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'number':
    case 'integer':
      return 'number'
    case 'array':
      return `(${print(schema.items ?? {})})[]`
    case 'object':
      return printObject(schema)
    default:
      return 'unknown'
  }
}

function printObject({ properties, required = [], additionalProperties: more, propertyNames }: JsonSchema): string {
  if (properties === undefined) {
    const values = typeof more === 'object' ? print(more) : more === false ? 'never' : 'unknown'
    return `{ [name in ${propertyNames === undefined ? 'string' : print(propertyNames)}]: ${values} }`
  }
  const fields = Object.entries(properties).map(([name, field]) => {
    const doc = field.description === undefined ? '' : `/** ${field.description.replaceAll('*/', '')} */ `
    return `${doc}${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${print(field)}`
  })
  // What may be there besides has no type of its own.
  const rest = more === undefined || more === false ? '' : '[name: string]: unknown; '
  return `{ ${rest}${fields.join('; ')} }`
}
