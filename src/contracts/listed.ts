import { z } from 'zod'
import { checkpointSummary } from './checkpoint.ts'
import { clientInfo, completionResult } from './completion.ts'
import { usageSum } from './events/providers.ts'
import { bootRecord } from './status.ts'
import { usage } from './usage.ts'
import { onRestart, priority, requestState } from './words.ts'

/*
 * The rows of the journal as the status service shows them. Times are ISO 8601.
 */

export const listedRequest = z.object({
  request_id: z.string(),
  /** the tick of its acceptance */
  tick: z.number(),
  state: requestState,
  conversation: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  priority,
  model: z.string(),
  attempts: z.number(),
  queued_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  next_try_at: z.string().nullable(),
  /** the beginning of what was asked; null where it is very long, or cannot be read */
  prompt: z.string().nullable(),
  reason: z.string().nullable(),
  message: z.string().nullable(),
})
export type ListedRequest = z.infer<typeof listedRequest>

const requestRun = z.object({
  run_id: z.string(),
  attempt: z.number(),
  runner_id: z.string().nullable(),
  generation: z.number().nullable(),
  tick: z.number(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  end: z.string().nullable(),
  usage: usage().nullable(),
})
export type RequestRun = z.infer<typeof requestRun>

const historyEntry = z.object({
  /** null: it has none of its own */
  tick: z.number().nullable(),
  at: z.string(),
  what: z.string(),
  detail: z.string().nullable(),
})
export type HistoryEntry = z.infer<typeof historyEntry>

export const requestDetail = listedRequest.extend({
  prompt: z.string(),
  /** all that was asked for */
  asked: z.record(z.string(), z.unknown()),
  result: completionResult().nullable(),
  /** what had come of the answer when its runner went down */
  partial: z.string().nullable(),
  on_restart: onRestart,
  crash_count: z.number(),
  resumed_from: z.string().nullable(),
  client: clientInfo().nullable(),
  /** of all its runs, where a provider told */
  usage: usageSum().nullable(),
  runs: z.array(requestRun),
  history: z.array(historyEntry),
})
export type RequestDetail = z.infer<typeof requestDetail>

/** A request with the generations that were live while it was there, oldest first. */
export const requestWithBoots = requestDetail.extend({ generations: z.array(bootRecord) })

export const listedConversation = z.object({
  conversation: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  model: z.string().nullable(),
  queued: z.number(),
  running: z.string().nullable(),
  not_before: z.string().nullable(),
  last_used_at: z.string(),
  /** that are kept; 10,000 means that many or more */
  requests: z.number(),
})
export type ListedConversation = z.infer<typeof listedConversation>

export const listedEvent = z.object({
  seq: z.number(),
  name: z.string(),
  at: z.string(),
  request_id: z.string().nullable(),
  /** null: without the token, and above 16 KB */
  data: z.record(z.string(), z.unknown()).nullable(),
  bytes: z.number(),
})
export type ListedEvent = z.infer<typeof listedEvent>

export const checkpointView = checkpointSummary().extend({
  running_ids: z.array(z.string()),
  /** oldest first */
  queued_ids: z.array(z.string()),
  /** there is more than is shown */
  cut_short: z.boolean(),
})
export type CheckpointView = z.infer<typeof checkpointView>

export const cutDifference = z.object({
  from: z.number(),
  to: z.number(),
  added: z.array(z.string()),
  finished: z.array(z.string()),
  started: z.array(z.string()),
  queued_again: z.array(z.string()),
  /** there is more than is shown */
  cut_short: z.boolean(),
})
export type CutDifference = z.infer<typeof cutDifference>

export const logLine = z.object({
  at: z.string().nullable(),
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  /** which part of ksi speaks */
  process: z.string(),
  message: z.string(),
  /** what else the line has */
  more: z.record(z.string(), z.unknown()),
})
export type LogLine = z.infer<typeof logLine>
