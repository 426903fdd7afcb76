import { z } from 'zod'
import type { Parameter } from '../../contracts/events/discovery.ts'

interface JsonSchema {
  /** A list when null is one of the choices. */
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
}

const known = new WeakMap<z.ZodType, Record<string, Parameter>>()

/**
 * The fields of an event, a reply or a push, from its schema. Where it is one of several objects, these are the fields
 * of all, and required is what every one of them has.
 */
export function parametersOf(schema: z.ZodType): Record<string, Parameter> {
  const cached = known.get(schema)
  if (cached !== undefined) return cached
  const parameters = fieldsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
  known.set(schema, parameters)
  return parameters
}

function fieldsOf(schema: JsonSchema): Record<string, Parameter> {
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return union(choices.map(fieldsOf))
  const required = new Set(schema.required ?? [])
  const fields: Record<string, Parameter> = {}
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    fields[name] = toParameter(property, required.has(name))
  return fields
}

function union(choices: Record<string, Parameter>[]): Record<string, Parameter> {
  const fields: Record<string, Parameter> = {}
  for (const choice of choices) {
    for (const [name, field] of Object.entries(choice)) {
      const required = choices.every((other) => Object.hasOwn(other, name) && other[name]?.required === true)
      fields[name] = { ...(fields[name] ?? field), required }
    }
  }
  return fields
}

function toParameter(property: JsonSchema, required: boolean): Parameter {
  const shape = property.anyOf?.find((choice) => choice.type !== 'null') ?? property
  const allowed = shape.enum ?? property.enum
  return {
    type: typeName(Array.isArray(shape.type) ? shape.type.find((name) => name !== 'null') : shape.type),
    required,
    description: property.description ?? shape.description ?? '',
    ...(property.default === undefined ? {} : { default: property.default }),
    ...(allowed === undefined ? {} : { allowed_values: allowed }),
  }
}

function typeName(type: string | undefined): Parameter['type'] {
  switch (type) {
    case 'string':
      return 'str'
    case 'integer':
      return 'int'
    case 'number':
      return 'float'
    case 'boolean':
      return 'bool'
    case 'array':
      return 'list'
    case 'object':
      return 'dict'
    default:
      return 'Any'
  }
}
