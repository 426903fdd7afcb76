import type { FinalState } from '../contracts/words.ts'

/** A pushed event as a subscriber was told of it. */
export interface HistoryEvent {
  event: string
  /** its place in the journal */
  seq: number
  data: Record<string, unknown>
}

/** How a request ended, as it was pushed. */
export interface Outcome {
  state: FinalState
  /** why it failed; undefined where none was given */
  reason: string | undefined
}

const stateByEvent: Record<string, FinalState> = {
  'completion:result': 'completed',
  'completion:failed': 'failed',
  'completion:cancelled': 'cancelled',
}

/** The names of the events that end a request. */
export const finalEvents = Object.keys(stateByEvent)

/** The reason under which work is told of that died with its runner. */
export const lossReason = 'daemon_restart'

/** The outcome an event tells of; undefined for an event that ends no request. */
export function outcomeOf({ event, data }: HistoryEvent): Outcome | undefined {
  const state = stateByEvent[event]
  if (state === undefined) return undefined
  return { state, reason: typeof data['reason'] === 'string' ? data['reason'] : undefined }
}

/** The request an event is about. */
export function requestOf({ data }: HistoryEvent): string | undefined {
  return typeof data['request_id'] === 'string' ? data['request_id'] : undefined
}
