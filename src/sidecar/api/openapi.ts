import { z } from 'zod'
import { apiRoute, apiRoutes } from '../../contracts/api.ts'
import type { ApiPath } from '../../contracts/api.ts'
import { version } from '../../contracts/version.ts'

type Schema = Record<string, unknown>

/** The OpenAPI document, made from the schemas that requests are read by. */
export function openApiDocument(): Schema {
  const paths = Object.keys(apiRoutes) as ApiPath[]
  return {
    openapi: '3.1.0',
    info: {
      title: 'ksi status service',
      version,
      description: 'What the daemon does and did. It only tells: there is nothing here that changes anything.',
    },
    paths: Object.fromEntries(paths.map((path) => [path.replaceAll(/:(\w+)/g, '{$1}'), { get: operation(path) }])),
    components: {
      securitySchemes: { reading: { type: 'http', scheme: 'bearer', description: '`ksi page` prints a link with it' } },
      schemas: { problem },
    },
  }
}

const problem: Schema = {
  type: 'object',
  description: 'RFC 9457, with the error code of ksi',
  properties: {
    status: { type: 'integer' },
    code: { type: 'string' },
    title: { type: 'string' },
    detail: { type: 'string' },
  },
}

function operation(path: ApiPath): Schema {
  const { summary, content = false, params, query, reply, type = 'application/json' } = apiRoute(path)
  const ref = { 'application/problem+json': { schema: { $ref: '#/components/schemas/problem' } } }
  return {
    summary,
    ...(content ? { security: [{ reading: [] }] } : {}),
    parameters: [...parameters('path', params), ...parameters('query', query)],
    responses: {
      200: { description: 'as asked', content: { [type]: { schema: schemaOf(reply, 'output') } } },
      default: { description: 'a problem', content: ref },
    },
  }
}

function parameters(where: 'path' | 'query', schema: z.ZodObject | undefined): Schema[] {
  if (schema === undefined) return []
  const { properties = {} } = schemaOf(schema, 'input') as { properties?: Record<string, Schema> }
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property
    return { name, in: where, required: where === 'path', ...(description ? { description } : {}), schema: rest }
  })
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' })
  return rest
}
