import { z } from 'zod'

/** A moment as KSI's clients send it, ISO 8601 or epoch seconds; epoch ms from then on. */
export const when = z
  .union([z.number(), z.string().max(100)])
  .refine((given) => Number.isFinite(toMs(given)), 'say it as ISO 8601 or as epoch seconds')
  .transform(toMs)

function toMs(given: number | string): number {
  if (typeof given === 'number') return given * 1_000
  return /^\d+(\.\d+)?$/.test(given) ? Number(given) * 1_000 : Date.parse(given)
}
