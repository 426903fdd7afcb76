import { z } from 'zod'
import type { EventSpec } from '../../contracts/events.ts'

/**
 * A parameter as `system:help` tells it. KSI's command line reads the type by the words it contains (ksi-wire §1.5).
 */
export interface Parameter {
  type: 'str' | 'int' | 'float' | 'bool' | 'list' | 'dict' | 'Any'
  required: boolean
  description: string
  default?: unknown
  allowed_values?: unknown[]
}

interface JsonSchema {
  /** A list when null is one of the choices. */
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
}

const known = new WeakMap<z.ZodType, Record<string, Parameter>>()

/** The parameters of an event, from its schema. */
export function parametersOf(spec: EventSpec): Record<string, Parameter> {
  const cached = known.get(spec.schema)
  if (cached !== undefined) return cached
  const schema = z.toJSONSchema(spec.schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const required = new Set(schema.required ?? [])
  const parameters: Record<string, Parameter> = {}
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    parameters[name] = toParameter(property, required.has(name))
  known.set(spec.schema, parameters)
  return parameters
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
