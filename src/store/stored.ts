import type { CompletionResult } from '../contracts/completion.ts'

/** An outcome as the journal keeps it. */
export interface StoredOutcome {
  result?: CompletionResult
  reason?: string
  message?: string
  /** the text that had come when its runner went down */
  partial?: string
}

/** Why a request failed whose content cannot be read. */
export const contentLost = 'What this request was to do stood in a damaged part of the journal; send it again'

/** Said in place of an outcome that cannot be read. */
export const outcomeLost = 'What came of this request stood in a damaged part of the journal'

/**
 * What stands as JSON in a row of the journal. A few garbled bytes, which SQLite does not notice, must not be an error
 * to each who comes by: they read `otherwise`.
 */
export function readStored<T, U>(text: string | null | undefined, otherwise: U): T | U {
  if (text === null || text === undefined) return otherwise
  try {
    return JSON.parse(text) as T
  } catch {
    return otherwise
  }
}
