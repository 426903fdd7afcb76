import { z } from 'zod'
import { KsiError } from '../lib/errors.ts'
import { similarNames } from '../lib/nearest-names.ts'
import { printable } from '../lib/printable.ts'

/**
 * What is wrong with the names in an event's data: the first that its schema does not know, unless that lets any pass.
 * What begins with `_` is the sender's own: KSI's clients send `_silent` and the like with any event.
 */
export function unknownParameter(
  event: string,
  schema: z.ZodType,
  data: Record<string, unknown>,
): KsiError | undefined {
  if (!(schema instanceof z.ZodObject) || schema.def.catchall !== undefined) return undefined
  for (const name of Object.keys(data))
    if (!name.startsWith('_') && !Object.hasOwn(schema.shape, name)) return refusal(event, name, schema)
  return undefined
}

function refusal(event: string, name: string, { shape }: z.ZodObject): KsiError {
  const available = Object.keys(shape)
  const similar = similarNames(name, available)
  const advice =
    similar.length > 0
      ? `Did you mean ${similar.join(' or ')}?`
      : `${event} takes ${available.length > 0 ? available.join(', ') : 'none'}.`
  return new KsiError('KSI_BAD_REQUEST', `Unknown parameter: ${printable(name.slice(0, 200))}. ${advice}`, {
    details: { available, ...(similar.length > 0 ? { similar } : {}), help: `system:help {"event": "${event}"}` },
  })
}
