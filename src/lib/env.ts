import { z } from 'zod'
import { KsiError } from './errors.ts'

/**
 * Reads an environment through a schema into a frozen object. Empty values count as unset.
 * @throws KsiError KSI_CONFIG_INVALID, naming each variable and what is wrong with it
 */
export function readEnv<S extends z.ZodType>(schema: S, env: NodeJS.ProcessEnv): Readonly<z.infer<S>> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = schema.safeParse(given)
  if (parsed.success) return Object.freeze(parsed.data)
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new KsiError(
    'KSI_CONFIG_INVALID',
    `The environment is not valid: ${problems.join('; ')}. Correct it and start again.`,
    { details: { problems } },
  )
}

/** A switch in the environment: `1 true yes on` or `0 false no off`. */
export function flag(fallback: boolean): z.ZodType<boolean> {
  return z
    .string()
    .toLowerCase()
    .refine((text) => /^(1|0|true|false|yes|no|on|off)$/.test(text), 'say on or off')
    .transform((text) => /^(1|true|yes|on)$/.test(text))
    .default(fallback)
}

/** A whole number in the environment, within bounds. */
export function whole(fallback: number, min: number, max: number): z.ZodType<number> {
  const error = `say a whole number from ${min} to ${max}`
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error).default(fallback)
}
