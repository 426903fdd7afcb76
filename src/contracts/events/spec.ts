import type { z } from 'zod'

/**
 * One event a client can send. Only `data` is needed to serve: `reply` is made when somebody asks what it is (tests,
 * discovery), since every schema made costs each save some 20 µs.
 */
export interface EventSpec {
  summary: string
  data: z.ZodType
  reply: () => z.ZodType
  /** Answered by the supervisor, also when there is no live generation. */
  front?: true
  /**
   * Changes the journal, always or with this data: run once per `_event_id`, also when it is sent again after a crash.
   * Its handlers are not asynchronous then.
   */
  mutates?: true | ((data: Record<string, unknown>) => boolean)
}

/** One event that is pushed to subscribers. */
export interface PushSpec {
  summary: string
  data: () => z.ZodType
}

/** A type without its index signature: what a schema that lets unknown keys pass has in its own name. */
export type Named<T> = T extends unknown
  ? { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] }
  : never
